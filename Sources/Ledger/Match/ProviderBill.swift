import Domain
import Formats
public import Schema

/// A provider's bill of a month, from a file.
public struct ProviderBill: Sendable {
    /// In the order of the lines.
    let ids: [String]
    /// As the bill has them.
    let models: [String]
    let amounts: [Int64]
    /// Where each line stands in the file.
    let lines: [Int]

    private static let columns: Set<String> = ["provider_task_id", "model", "usd"]
    private static let modelLength = 100

    /// What all lines come to.
    var total: Dollars { Dollars(micros: amounts.reduce(0, +)) }

    /// The models as the books name them, for a bill that names them as the provider does; what is neither stays.
    var bookedModels: [String] {
        let names = Dictionary(uniqueKeysWithValues: VideoModel.allCases.map { ($0.providerName, $0.rawValue) })
        return models.map { names[$0] ?? $0 }
    }

    /// Reads a file with the columns provider_task_id, model and usd, in any order, one line a task.
    ///
    /// Throws `badData` with the line of the first defect.
    public init(file: ImportFile) throws {
        func refuse(_ line: Int, _ what: String) -> DaybookError {
            .badData("\(file.path), line \(line): \(what); nothing was compared.")
        }
        var header: [String]?
        var ids: [String] = []
        var models: [String] = []
        var amounts: [Int64] = []
        var lines: [Int] = []
        try file.records { record in
            let line = record.first?.line ?? 0
            guard let names = header else {
                header = record.map(\.text)
                guard record.count == Self.columns.count, Set(record.map(\.text)) == Self.columns else {
                    throw refuse(line, "the columns must be provider_task_id, model and usd")
                }
                return
            }
            guard record.count == names.count else {
                throw refuse(line, "the row has \(record.count) fields, the header \(names.count)")
            }
            let cells = Dictionary(zip(names, record.map(\.text))) { first, _ in first }
            let id = cells["provider_task_id"] ?? ""
            guard 1...Limits.providerTaskIDBytes ~= id.utf8.count, id.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
            else {
                throw refuse(
                    line,
                    "provider_task_id is not an id of a task: 1 to \(Limits.providerTaskIDBytes) letters, digits and "
                        + "signs, without blanks")
            }
            let model = cells["model"] ?? ""
            guard 1...Self.modelLength ~= model.count, model.unicodeScalars.allSatisfy({ $0.value >= 0x20 }) else {
                throw refuse(line, "model is not the name of a model, of 1 to \(Self.modelLength) characters")
            }
            guard let micros = FixedPoint.parse(cells["usd"] ?? "", places: 6), Limits.billedMicros.contains(micros)
            else {
                throw refuse(
                    line,
                    "usd is not an amount from 0 to \(Dollars(micros: Limits.billedMicros.upperBound)) with at most "
                        + "six decimals, such as 0.12")
            }
            guard ids.count < Limits.billLines else {
                throw refuse(line, "a bill has at most \(Limits.billLines) lines: compare it in parts")
            }
            ids.append(id)
            models.append(model)
            amounts.append(micros)
            lines.append(line)
        }
        guard header != nil else { throw DaybookError.badData("\(file.path) is empty; it needs a header row.") }
        (self.ids, self.models, self.amounts, self.lines) = (ids, models, amounts, lines)
    }
}
