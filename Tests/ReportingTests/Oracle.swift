import Foundation
import Postgres
import TestSupport

/// The independent calculation in `Tests/Oracle`, and the comparison with a report.
struct Oracle {
    private static let folder = Deployment.root + "/Tests/Oracle"
    private static let figures = [
        "availability", "completion", "refunds", "refund_exceptions", "refund_rates", "idempotency", "promises",
        "credits",
        "tasks",
    ]
    /// Kinds of exceptions whose detail is a count; the other details are sentences.
    private static let counts: Set<String> = [
        "terminal_instant_estimated", "terminal_instant_missing", "settlement_instant_estimated", "model_missing",
        "task_without_batch", "owner_without_account", "undated_task",
    ]

    /// Writes a generated deployment and gives its arguments for the report.
    static func generate(seed: Int, into path: String) async throws -> [String] {
        try await ProgramRun.expectingSuccess([folder + "/generate.py", String(seed), path], program: TestPython.path)
        let data = try Data(contentsOf: URL(fileURLWithPath: path + "/arguments.json"))
        guard let given = try JSONSerialization.jsonObject(with: data) as? [String: Any] else {
            throw TestSupportError("arguments.json is no object")
        }
        return ["month", "account", "cutoff"].flatMap { name in
            (given[name] as? String).map { ["--\(name)", $0] } ?? []
        }
    }

    /// Every difference between a report and the calculation from the files in `input`, in words.
    static func differences(_ report: SLARun, input: String, arguments: [String]) async throws -> [String] {
        let scratch = try ScratchFolder()
        let now = ISO8601DateFormatter().string(from: Date())
        try await ProgramRun.expectingSuccess(
            [folder + "/oracle.py", input, scratch.path] + arguments + ["--now", now], program: TestPython.path)
        let ours = try report.csvFolder()
        var differences: [String] = []
        for figure in figures {
            let mine = FileManager.default.contents(atPath: "\(ours)/\(figure).csv") ?? Data()
            let theirs = FileManager.default.contents(atPath: scratch.file("\(figure).csv")) ?? Data()
            if mine != theirs || mine.isEmpty { differences.append("\(figure).csv: \(firstDifference(mine, theirs))") }
        }
        let mine = exceptions(FileManager.default.contents(atPath: ours + "/exceptions.csv"))
        let theirs = exceptions(FileManager.default.contents(atPath: scratch.file("exceptions.csv")))
        if mine != theirs { differences.append("exceptions.csv: \(mine.symmetricDifference(theirs))") }
        return differences
    }

    private static func firstDifference(_ mine: Data, _ theirs: Data) -> String {
        let lines = String(decoding: mine, as: UTF8.self).components(separatedBy: "\r\n")
        let others = String(decoding: theirs, as: UTF8.self).components(separatedBy: "\r\n")
        let line = zip(lines, others).first { $0 != $1 }
        return "report \(line?.0 ?? "\(lines.count) lines"), calculation \(line?.1 ?? "\(others.count) lines")"
    }

    /// Kind, account and reference of each row, and the detail where it is a count.
    private static func exceptions(_ data: Data?) -> Set<String> {
        let lines = String(decoding: data ?? Data(), as: UTF8.self).components(separatedBy: "\r\n")
        return Set(
            lines.dropFirst().compactMap { line in
                let fields = line.components(separatedBy: ",")
                guard fields.count >= 4, !fields[0].hasPrefix("missing_") else { return nil }
                return (fields.prefix(3) + (counts.contains(fields[0]) ? [fields[3]] : [])).joined(separator: ",")
            })
    }
}
