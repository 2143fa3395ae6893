import Documents
public import Domain
import Formats
import Foundation

/// A report that is a folder: `report.json` and SQL files beside it.
public struct ReportDefinition: Sendable {
    /// One parameter that a user gives with `--param name=value`.
    public struct Parameter: Sendable {
        /// What a parameter's value must be, and what it binds.
        public enum Kind: String, Sendable, Codable {
            /// Binds `:name`.
            case text
            /// A whole number; binds `:name`.
            case integer
            /// A day such as 2026-10-01; binds `:name`.
            case date
            /// A month such as 2026-10; binds `:name`, and its two instants as `:name_start` and `:name_end`.
            case month
            /// The slug of an account; binds `:name`, and the owner as `:name_user_id`.
            case account
        }

        public let name: String
        public let kind: Kind
        public let description: String
        public let isOptional: Bool
        /// The value where none is given.
        public let defaultValue: String?
    }

    /// One sheet, one CSV file and one part of the page.
    struct Sheet: Sendable {
        struct ColumnFormat: Sendable {
            let kind: Column.Kind?
            let title: String?
            let width: Double?
        }

        let title: String
        let note: String
        /// The name of the SQL file without its extension; also the CSV file's.
        let query: String
        let columns: [String: ColumnFormat]
        /// Nil for a sheet without one.
        let chart: CustomChart.Definition?
    }

    /// The folder's name.
    public let name: String
    public let title: String
    public let parameters: [Parameter]
    let folder: String
    let sheets: [Sheet]
    let statementTimeoutSeconds: Int
    /// True where the queries are told what the contracts promise, and may name the relations of the SLA report.
    let asksForPromises: Bool

    /// Every report of some folders, ordered by name; a later folder's report replaces an earlier one's.
    public static func all(in folders: [String]) throws(DaybookError) -> [ReportDefinition] {
        var definitions: [String: ReportDefinition] = [:]
        for folder in folders {
            guard let names = try? FileManager.default.contentsOfDirectory(atPath: folder) else {
                throw .usage("There is no folder \(folder) with reports.")
            }
            for name in names.sorted() {
                guard let data = FileManager.default.contents(atPath: "\(folder)/\(name)/report.json") else { continue }
                definitions[name] = try ReportDefinition(name: name, folder: "\(folder)/\(name)", json: data)
            }
        }
        return definitions.values.sorted { $0.name < $1.name }
    }

    private init(name: String, folder: String, json: Data) throws(DaybookError) {
        func refuse(_ why: String) -> DaybookError { .configuration("\(folder)/report.json: \(why).") }
        let document: ReportDocument
        do {
            if let unknown = try ReportDocument.unknownKey(json) { throw refuse("there is no key \"\(unknown)\"") }
            document = try CanonicalJSON.decode(ReportDocument.self, from: json)
        } catch let error as DaybookError {
            throw error
        } catch {
            throw refuse("it is not the JSON that a report needs (\(ReportDocument.sentence(error)))")
        }
        guard !document.sheets.isEmpty else { throw refuse("a report has at least one sheet") }
        guard (1...86_400).contains(document.statementTimeoutSeconds ?? Self.defaultTimeoutSeconds) else {
            throw refuse("statement_timeout_seconds must lie between 1 and 86400")
        }
        self.name = name
        self.folder = folder
        title = document.title
        statementTimeoutSeconds = document.statementTimeoutSeconds ?? Self.defaultTimeoutSeconds
        parameters = (document.parameters ?? []).map { parameter in
            Parameter(
                name: parameter.name, kind: parameter.type, description: parameter.description ?? "",
                isOptional: parameter.optional ?? false, defaultValue: parameter.default)
        }
        let names = parameters.map(\.name)
        if let repeated = names.first(where: { name in names.filter { $0 == name }.count > 1 }) {
            throw refuse("the parameter \(repeated) stands there twice")
        }
        asksForPromises = document.promises ?? false
        if asksForPromises {
            let months = parameters.filter { $0.kind == .month }
            guard months.count != 1 || !months[0].isOptional || months[0].defaultValue != nil,
                parameters.filter({ $0.kind == .account }).count <= 1
            else { throw refuse("promises are judged for a month that is always given, and for one account at most") }
        }
        var sheets: [Sheet] = []
        for sheet in document.sheets {
            guard
                !sheets.contains(where: { $0.query == sheet.query || $0.title.lowercased() == sheet.title.lowercased() }
                )
            else { throw refuse("two sheets share the title or the query of \"\(sheet.title)\"") }
            guard (1...25).contains(sheet.title.count), !sheet.title.contains(where: { "[]:*?/\\'".contains($0) }),
                sheet.title.lowercased() != "provenance", sheet.query != "provenance"
            else {
                throw refuse("\"\(sheet.title)\" is no title: 1 to 25 characters, none of []:*?/\\', not Provenance")
            }
            guard FileManager.default.fileExists(atPath: "\(folder)/\(sheet.query).sql") else {
                throw refuse("the sheet \"\(sheet.title)\" needs \(sheet.query).sql, which is not there")
            }
            sheets.append(try Self.sheet(sheet, refuse: refuse))
        }
        self.sheets = sheets
    }

    private static let defaultTimeoutSeconds = 600

    private static func sheet(
        _ sheet: ReportDocument.Sheet, refuse: (String) -> DaybookError
    ) throws(DaybookError) -> Sheet {
        var columns: [String: Sheet.ColumnFormat] = [:]
        for (name, column) in sheet.columns ?? [:] {
            let kind = column.format.flatMap { Column.Kind(rawValue: $0) }
            if let format = column.format, kind == nil {
                let known = Column.Kind.allCases.map(\.rawValue).joined(separator: ", ")
                throw refuse("\"\(format)\" is no format; there are \(known)")
            }
            columns[name] = Sheet.ColumnFormat(kind: kind, title: column.title, width: column.width)
        }
        if let chart = sheet.chart, !(1...6).contains(chart.values.count) {
            throw refuse("the chart of the sheet \"\(sheet.title)\" has 1 to 6 values")
        }
        return Sheet(
            title: sheet.title, note: sheet.note ?? "", query: sheet.query, columns: columns,
            chart: sheet.chart.map { CustomChart.Definition(categories: $0.categories, values: $0.values) })
    }
}

/// The document `report.json`, key by key.
struct ReportDocument: Decodable {
    struct Parameter: Decodable {
        let name: String
        let type: ReportDefinition.Parameter.Kind
        let description: String?
        let optional: Bool?
        let `default`: String?
    }

    struct Column: Decodable {
        let format: String?
        let title: String?
        let width: Double?
    }

    struct Sheet: Decodable {
        let title: String
        let note: String?
        let query: String
        let columns: [String: Column]?
        let chart: Chart?
    }

    struct Chart: Decodable {
        let categories: String
        let values: [String]
    }

    let title: String
    let parameters: [Parameter]?
    let statementTimeoutSeconds: Int?
    let promises: Bool?
    let sheets: [Sheet]

    /// The first key that no report has: a misspelt one would otherwise be ignored.
    static func unknownKey(_ json: Data) throws -> String? {
        guard let top = try JSONSerialization.jsonObject(with: json) as? [String: Any] else { return nil }
        func unknown(_ objects: [Any], _ known: Set<String>) -> String? {
            objects.compactMap { $0 as? [String: Any] }.flatMap(\.keys).sorted().first { !known.contains($0) }
        }
        let sheets = top["sheets"] as? [Any] ?? []
        let columns = sheets.compactMap { ($0 as? [String: Any])?["columns"] as? [String: Any] }.flatMap(\.values)
        let charts = sheets.compactMap { ($0 as? [String: Any])?["chart"] }
        return unknown([top], ["title", "parameters", "statement_timeout_seconds", "promises", "sheets"])
            ?? unknown(top["parameters"] as? [Any] ?? [], ["name", "type", "description", "optional", "default"])
            ?? unknown(sheets, ["title", "note", "query", "columns", "chart"])
            ?? unknown(columns, ["format", "title", "width"]) ?? unknown(charts, ["categories", "values"])
    }

    /// What is wrong with a document, in a few words.
    static func sentence(_ error: any Error) -> String {
        switch error {
        case DecodingError.keyNotFound(let key, _): "\"\(key.stringValue)\" is missing"
        case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context):
            "\"\(context.codingPath.map(\.stringValue).joined(separator: "."))\" has the wrong kind of value"
        case DecodingError.dataCorrupted(let context): context.debugDescription
        default: "it cannot be read"
        }
    }
}
