import Foundation
import Postgres
import TestSupport

/// The reports on accesses of a database, each as a login that may only read.
struct AccessReports: Sendable {
    private let settings: ConnectionSettings
    private let months: [String]

    init(_ settings: ConnectionSettings, months: [String]) {
        self.settings = settings
        self.months = months
    }

    /// By customer, for each of the months and accounts: all that a purge may not change, as it stands in the file.
    /// Without an account, months are those of UTC.
    func byCustomer(accounts: [String?]) async throws -> [String] {
        let columns = ["account", "accesses", "plays", "downloads", "embeds", "shares"]
        var lines: [String] = []
        for account in accounts {
            for row in try await sheet("by_customer", columns, account: account) {
                lines.append(([account ?? "all"] + row).joined(separator: ","))
            }
        }
        return lines
    }

    /// Columns of a sheet's rows over all months, with the month at their end.
    func sheet(_ name: String, _ columns: [String], account: String?) async throws -> [[String]] {
        try await withLogin(settings) { reader in
            var rows: [[String]] = []
            for month in months {
                let folder = try ScratchFolder()
                try await ProgramRun.expectingSuccess(
                    [
                        "report", "run", "access", "--param", "month=\(month)", "--quiet", "--format", "csv",
                        "--output", folder.path, "--database", Deployment.conninfo(reader),
                    ] + (account.map { ["--param", "account=\($0)"] } ?? []))
                guard let file = try folder.contents().first(where: { $0.key.hasSuffix("\(name).csv") }) else {
                    throw TestSupportError("the report has no \(name).csv")
                }
                let lines = String(decoding: file.value.dropFirst(3), as: UTF8.self).components(separatedBy: "\r\n")
                let header = lines[0].components(separatedBy: ",")
                for line in lines.dropFirst() where !line.isEmpty {
                    let row = Dictionary(uniqueKeysWithValues: zip(header, line.components(separatedBy: ",")))
                    rows.append(columns.map { row[$0] ?? "no \($0)" } + [month])
                }
            }
            return rows
        }
    }
}

/// Every SLA report that is final by now, byte for byte.
enum SLAReports {
    static func all(_ settings: ConnectionSettings, months: [String] = Self.months) async throws -> [String: Data] {
        var files: [String: Data] = [:]
        for month in months {
            let folder = try ScratchFolder()
            try await ProgramRun.expectingSuccess([
                "report", "sla", "--quiet", "--month", month, "--output", folder.path, "--database",
                Deployment.conninfo(settings),
            ])
            for (name, bytes) in try folder.contents() where !name.hasSuffix("manifest.json") { files[name] = bytes }
        }
        return files
    }

    static let months = (4...10).map { "2026-" + ($0 < 10 ? "0" : "") + String($0) }
}

/// Every statement of the months that are over.
enum Statements {
    /// All files but the manifests.
    static func all(_ settings: ConnectionSettings) async throws -> [String: Data] {
        var files: [String: Data] = [:]
        for month in SLAReports.months {
            let folder = try ScratchFolder()
            try await ProgramRun.expectingSuccess([
                "report", "statement", "--quiet", "--all", "--month", month, "--output", folder.path, "--database",
                Deployment.conninfo(settings),
            ])
            for (name, bytes) in try folder.contents() where !name.hasSuffix("manifest.json") {
                files[name] = bytes
            }
        }
        return files
    }
}
