import Domain
import Foundation

/// What letters may say of the service: the figures of the last final SLA report in a folder.
public struct SLAFacts: Sendable {
    /// By placeholder: `sla_month`, `availability`, `completion`, `refunds`, …
    public let values: [String: String]

    /// Reads the newest final report for everybody.
    ///
    /// Throws `badData` where there is none, or where its promises are not what its manifest says.
    public init(folder: String) throws {
        struct Document: Decodable {
            struct File: Decodable {
                let name: String
                let sha256: String
            }
            let report: String?
            let month: String?
            let account: String?
            let status: String?
            let files: [File]
        }
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        let reports = names.filter { $0.hasPrefix("sla-") }.compactMap { name -> (String, String, Document)? in
            guard let data = FileManager.default.contents(atPath: "\(folder)/\(name)/manifest.json"),
                let document = try? decoder.decode(Document.self, from: data), document.report == "sla",
                document.status == "final", document.account == nil, let month = document.month
            else { return nil }
            return (month, name, document)
        }
        guard let (month, name, document) = reports.max(by: { $0.0 < $1.0 }) else {
            throw DaybookError.badData(
                "There is no final SLA report for everybody in \(folder): a letter quotes nothing else. Write one with "
                    + "daybook report sla, or name its folder with --sla.")
        }
        let content = (try? PlainFile.read("\(folder)/\(name)/promises.csv")) ?? []
        let recorded = document.files.filter { $0.name.hasSuffix("/promises.csv") }.map(\.sha256)
        guard recorded == [FileDigest.of(content)] else {
            throw DaybookError.badData("\(folder)/\(name)/promises.csv is not the file that its manifest names.")
        }
        values = try Self.values(CSVFile.records(content), month: month)
    }

    private static func values(_ records: [[String]], month: String) -> [String: String] {
        let whole = records.filter { $0.count == 8 && $0[1].isEmpty }
        func rows(_ promise: String) -> [[String]] { whole.filter { $0[0] == promise } }
        var values = ["sla_month": Month(month)?.title ?? month]
        values["availability"] = rows("availability").map { "\($0[2]) \($0[6]) % (promised \($0[3]) %)" }
            .joined(separator: ", ")
        values["completion"] = rows("completion").map { "\($0[2]) \($0[6]) % (promised \($0[3]) %)" }
            .joined(separator: ", ")
        if let refunds = rows("auto_refund").first {
            values["refunds"] = "\(refunds[4]) of \(refunds[5]) refunds came by themselves within five minutes"
        }
        return values.filter { !$0.value.isEmpty }
    }
}
