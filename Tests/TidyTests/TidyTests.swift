import Foundation
import TestSupport
import Testing

/// The style of the code as tests: what imports what, how long things may be, what a template may not do.
@Suite struct TidyTests {
    /// The modules that each module may see, from the bottom to the top: arrows run one way. `Package.swift` says the
    /// same to the compiler.
    private static let arrows: KeyValuePairs<String, [String]> = [
        "Formats": [],
        "Domain": ["Formats"],
        "Codecs": ["COpenSSL", "CZlib", "Domain", "Formats"],
        "Postgres": ["CLibPQ", "Domain", "Formats"],
        "Schema": ["Postgres", "Codecs", "Domain", "Formats"],
        "Spreadsheet": ["CXlsxWriter", "Domain"],
        "Documents": ["Spreadsheet", "Codecs", "Domain", "Formats", "CLinux", "Mustache"],
        "Reporting": ["Documents", "Schema", "Postgres", "Spreadsheet", "Codecs", "Domain", "Formats"],
        "Ledger": ["Documents", "Schema", "Postgres", "Spreadsheet", "Codecs", "Domain", "Formats"],
        "MonthEnd": ["Ledger", "Reporting", "Documents", "Schema", "Postgres", "Codecs", "Domain", "Formats"],
        "Retention": ["Documents", "Schema", "Postgres", "Codecs", "Domain", "Formats"],
        "BatchEngine": ["Schema", "Postgres", "Codecs", "Domain", "Formats", "Logging", "ServiceLifecycle"],
        "Grsai": ["BatchEngine", "Domain", "Formats", "AsyncHTTPClient", "NIOCore", "NIOHTTP1"],
        "Webhooks": ["BatchEngine", "Domain", "AsyncHTTPClient", "NIOCore", "NIOHTTP1", "NIOPosix"],
        "ObjectStore": [
            "BatchEngine", "Postgres", "Codecs", "Domain", "Formats", "AsyncHTTPClient", "NIOCore", "NIOHTTP1",
        ],
        "API": [
            "BatchEngine", "Postgres", "Domain", "Formats", "Hummingbird", "HummingbirdCore", "HTTPTypes", "NIOCore",
            "NIOHTTP1", "Logging", "ServiceLifecycle",
        ],
        "Console": ["Postgres", "Domain", "ArgumentParser"],
        "StoreConsole": ["ObjectStore", "Codecs", "Domain", "ArgumentParser"],
        "GrsaiSimulator": [
            "Domain", "Formats", "AsyncHTTPClient", "HTTPTypes", "Hummingbird", "Logging", "NIOCore", "NIOHTTP1",
            "ServiceLifecycle",
        ],
        "grsai-simulator": [
            "GrsaiSimulator", "Domain", "ArgumentParser", "Logging", "ServiceLifecycle", "UnixSignals",
        ],
        "daybook": [
            "StoreConsole", "Console", "MonthEnd", "Retention", "Ledger", "Reporting", "Documents", "ObjectStore",
            "BatchEngine", "Schema", "Postgres", "Spreadsheet", "Codecs", "Domain", "Formats", "ArgumentParser",
        ],
        "daybookd": [
            "StoreConsole", "API", "Grsai", "Webhooks", "ObjectStore", "BatchEngine", "Console", "Schema", "Postgres",
            "Codecs",
            "Domain",
            "ArgumentParser",
            "AsyncHTTPClient", "NIOCore", "NIOHTTP1", "Logging", "ServiceLifecycle", "UnixSignals",
        ],
    ]
    /// The one module that sees each C library.
    private static let importers: KeyValuePairs = [
        "CLibPQ": "Postgres", "CXlsxWriter": "Spreadsheet", "COpenSSL": "Codecs", "CZlib": "Codecs",
        "CLinux": "Documents",
    ]
    /// What `Package.swift` names beside the products of packages.
    private static let packages: Set<String> = ["hummingbird"]
    private static let system: Set<String> = ["Foundation", "Glibc", "Dispatch", "Synchronization"]

    private static func files(_ folder: String, _ ending: String) throws -> [String] {
        let root = Deployment.root + "/" + folder
        return try FileManager.default.subpathsOfDirectory(atPath: root).filter { $0.hasSuffix(ending) }.map {
            root + "/" + $0
        }
    }

    private static func lines(_ path: String) throws -> [String] {
        try String(contentsOfFile: path, encoding: .utf8).components(separatedBy: "\n")
    }

    @Test func `arrows between the modules run one way, and the package says the same`() throws {
        let names = Self.arrows.map(\.key)
        let package = try Self.lines(Deployment.root + "/Package.swift").joined(separator: "\n")
        var below: Set<String> = []
        for (module, allowed) in Self.arrows {
            #expect(allowed.allSatisfy { below.contains($0) || !names.contains($0) }, "\(module) sees what is above it")
            below.insert(module)
            let own = try Regex(#"name: "\#(module)",\s*dependencies: \[([^\]]*)\]"#)
            let declared = package.firstMatch(of: own)?[1].substring ?? ""
            let dependencies = declared.matches(of: /"([\w-]+)"/).map { String($0.output.1) }
                .filter { !$0.contains("-") || names.contains($0) }
            #expect(Set(dependencies).subtracting(Self.packages) == Set(allowed), "\(module)")
        }
        #expect(
            Set(try FileManager.default.contentsOfDirectory(atPath: Deployment.root + "/Sources"))
                == Set(names + Self.importers.map(\.key)))
    }

    @Test func `imports follow the arrows between the modules`() throws {
        for (module, allowed) in Self.arrows {
            let files = try Self.files("Sources/\(module)", ".swift")
            #expect(!files.isEmpty)
            for file in files {
                for line in try Self.lines(file)
                where line.contains("import ") && !line.hasPrefix(" ") && !line.hasPrefix("/") {
                    let words = line.split(separator: " ").map(String.init)
                    guard let index = words.firstIndex(of: "import"), let name = words[(index + 1)...].last else {
                        continue
                    }
                    let imported = name.split(separator: ".").first.map(String.init) ?? name
                    #expect(allowed.contains(imported) || Self.system.contains(imported), "\(file): \(line)")
                }
            }
        }
    }

    @Test func `no source file is longer than 400 lines or wider than 120 columns`() throws {
        for folder in ["Sources", "Tests"] {
            for file in try Self.files(folder, ".swift") {
                let lines = try Self.lines(file)
                #expect(lines.count <= 401, "\(file) has \(lines.count) lines")
                guard folder == "Sources" else { continue }
                for (number, line) in lines.enumerated() { #expect(line.count <= 120, "\(file):\(number + 1)") }
            }
        }
        // An applied migration is never edited, so the width of those of before is what it is.
        let migrations = try Self.files("Sources/Schema/Migrations", ".sql").filter {
            ($0 as NSString).lastPathComponent >= "037"
        }
        #expect(!migrations.isEmpty)
        for file in try Self.files("reports", ".sql") + migrations {
            for (number, line) in try Self.lines(file).enumerated() {
                #expect(line.count <= 120, "\(file):\(number + 1)")
            }
        }
    }

    @Test func `every C library has one importer`() throws {
        for (library, importer) in Self.importers {
            for file in try Self.files("Sources", ".swift")
            where try Self.lines(file).contains(where: { $0.hasSuffix("import \(library)") }) {
                #expect(file.contains("/Sources/\(importer)/"), "\(file) imports \(library)")
            }
        }
    }

    @Test func `every template escapes by scalar and nothing is written raw`() throws {
        let files = try Self.files("templates", ".mustache")
        #expect(files.count >= 5)
        for file in files {
            let text = try String(contentsOfFile: file, encoding: .utf8)
            #expect(text.hasPrefix("{{% CONTENT_TYPE:DAYBOOK}}"), "\(file)")
            #expect(!text.contains("{{{") && !text.contains("{{&"), "\(file)")
            #expect(!text.contains("<script") && !text.contains("http://") && !text.contains("https://"), "\(file)")
        }
    }

    @Test func `no verdict and no amount passes through floating point`() throws {
        for file in try Self.files("Sources/Domain", ".swift") {
            for line in try Self.lines(file) where !line.contains("//") {
                #expect(!line.contains("Double") && !line.contains("Float"), "\(file): \(line)")
            }
        }
    }
}
