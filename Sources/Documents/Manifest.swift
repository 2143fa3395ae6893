package import Domain
import Formats
import Foundation

/// `manifest.json`: what was written, from what, by which program and when. The one file that differs between runs.
package struct Manifest: Encodable {
    package struct File: Encodable {
        package let name: String
        package let sha256: String
        package let bytes: Int64

        package init(name: String, sha256: String, bytes: Int64) {
            self.name = name
            self.sha256 = sha256
            self.bytes = bytes
        }
    }

    package struct Verdict: Encodable {
        package let promise: String
        package let account: String
        package let subject: String
        package let verdict: String
        /// How the promise stands by its budget; empty where there is none.
        package let state: String

        package init(promise: String, account: String, subject: String, verdict: String, state: String) {
            self.promise = promise
            self.account = account
            self.subject = subject
            self.verdict = verdict
            self.state = state
        }
    }

    package struct Profile: Encodable {
        package let name: String
        package let version: Int64
        package let sha256: String

        package init(name: String, version: Int64, sha256: String) {
            self.name = name
            self.version = version
            self.sha256 = sha256
        }
    }

    package struct SQLFile: Encodable {
        package let path: String
        package let sha256: String

        package init(path: String, sha256: String) {
            self.path = path
            self.sha256 = sha256
        }
    }

    /// A month of the trend whose figures were recorded before.
    package struct RecordedMonth: Encodable {
        package let month: String
        package let version: Int64
        package let sha256: String
        package let recordedAt: String

        package init(month: String, version: Int64, sha256: String, recordedAt: String) {
            self.month = month
            self.version = version
            self.sha256 = sha256
            self.recordedAt = recordedAt
        }
    }

    /// The page as a program printed it: another version of that program prints other bytes.
    package struct Printed: Encodable {
        package let name: String
        package let sha256: String
        package let bytes: Int64
        /// The program, with its version.
        package let program: String

        package init(_ file: File, program: String) {
            (name, sha256, bytes) = (file.name, file.sha256, file.bytes)
            self.program = program
        }
    }

    package let report: String
    package let month: String?
    package let account: String?
    package let status: String?
    package let timeZone: String?
    package let periodStart: String?
    package let periodEnd: String?
    package let cutoff: String?
    package let snapshotAt: String
    /// What must be said of it; nil where everything was read at one moment, or is the same at any.
    package let snapshot: String?
    package let profiles: [Profile]
    package let verdicts: [Verdict]
    /// Nil for a report that has no trend.
    package let recordedMonths: [RecordedMonth]?
    package let files: [File]
    package let sqlFiles: [SQLFile]
    package let programVersion: String
    package let generatedAt: String
    /// Apart from the files whose bytes are those of the figures; nil where nothing was printed.
    package var printed: [Printed]?

    package init(
        report: String, month: String?, account: String?, status: String?, timeZone: String?, periodStart: String?,
        periodEnd: String?, cutoff: String?, snapshotAt: String, snapshot: String? = nil, profiles: [Profile],
        verdicts: [Verdict], recordedMonths: [RecordedMonth]? = nil, files: [File], sqlFiles: [SQLFile],
        programVersion: String, generatedAt: String
    ) {
        self.report = report
        self.month = month
        self.account = account
        self.status = status
        self.timeZone = timeZone
        self.periodStart = periodStart
        self.periodEnd = periodEnd
        self.cutoff = cutoff
        self.snapshotAt = snapshotAt
        self.snapshot = snapshot
        self.profiles = profiles
        self.verdicts = verdicts
        self.recordedMonths = recordedMonths
        self.files = files
        self.sqlFiles = sqlFiles
        self.programVersion = programVersion
        self.generatedAt = generatedAt
    }

    /// The document, keys in snake_case and in order.
    package func json() throws -> [UInt8] {
        try CanonicalJSON.encode(self)
    }
}

/// Where every figure comes from: its queries, its number of rows, and the digest of its CSV file.
package struct Provenance {
    private var rows: [[Cell]] = []

    package init() {}

    /// A table that is written as `name.csv`, byte for byte what `file` holds: a row for each query that it is made of.
    package mutating func add(_ table: Table, file: [UInt8], queries: [QueryFile]) {
        let digest = FileDigest.of(file)
        for query in queries { add(name: table.name, rows: Int64(table.rows.count), sha256: digest, query: query) }
    }

    package mutating func add(name: String, rows count: Int64, sha256: String, query: QueryFile) {
        rows.append([.text(name), .text(query.sha256), .integer(count), .text(sha256)])
    }

    /// A SQL file that was used.
    package mutating func add(_ file: QueryFile) {
        rows.append([.text("sql/" + file.path), .text(file.sha256), .empty, .empty])
    }

    package func table() -> Table {
        var table = Table(
            name: "provenance", title: "Provenance",
            note:
                "The SHA-256 of each figure's query and of its CSV file (sha256sum gives the same), a row for each "
                + "query that it was counted by, and of every SQL file used.",
            columns: [
                Column("figure", .text, width: 34), Column("sql_sha256", .identifier, title: "SQL SHA-256", width: 66),
                Column("rows", .integer), Column("digest", .identifier, width: 66),
            ],
            rows: rows)
        table.sortRows()
        return table
    }
}
