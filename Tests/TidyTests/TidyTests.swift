import Foundation
import TestSupport
import Testing

/// The style of the code as tests: what imports what, how long things may be, what a template may not do.
@Suite struct TidyTests {
    /// The modules that each module may see: arrows run one way.
    private static let arrows: [String: Set<String>] = [
        "Domain": [], "Digests": ["COpenSSL", "CZlib", "Domain"], "Postgres": ["CLibPQ", "Domain"],
        "Schema": ["Postgres", "Digests", "Domain"], "Spreadsheet": ["CXlsxWriter", "Domain"],
        "BatchEngine": ["Schema", "Postgres", "Digests", "Domain", "Logging", "ServiceLifecycle"],
        "Grsai": ["BatchEngine", "Domain", "AsyncHTTPClient", "NIOCore", "NIOHTTP1"],
        "GrsaiSimulator": [
            "Domain", "AsyncHTTPClient", "HTTPTypes", "Hummingbird", "Logging", "NIOCore", "NIOHTTP1",
            "ServiceLifecycle",
        ],
        "grsai-simulator": [
            "GrsaiSimulator", "Domain", "ArgumentParser", "Logging", "ServiceLifecycle", "UnixSignals",
        ],
        "Reporting": ["CLinux", "Schema", "Postgres", "Spreadsheet", "Digests", "Domain", "Mustache"],
        "API": [
            "BatchEngine", "Postgres", "Domain", "Hummingbird", "HummingbirdCore", "HTTPTypes", "NIOCore", "NIOHTTP1",
            "Logging", "ServiceLifecycle",
        ],
        "Console": ["BatchEngine", "Postgres", "Domain", "ArgumentParser"],
        "daybookd": [
            "API", "Grsai", "BatchEngine", "Console", "Schema", "Postgres", "Digests", "Domain", "ArgumentParser",
            "AsyncHTTPClient", "NIOCore", "NIOHTTP1", "Logging", "ServiceLifecycle", "UnixSignals",
        ],
        "Retention": ["Reporting", "Schema", "Postgres", "Digests", "Domain"],
        "daybook": [
            "Console", "Retention", "Reporting", "BatchEngine", "Schema", "Postgres", "Spreadsheet", "Digests",
            "Domain", "ArgumentParser",
        ],
    ]
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

    @Test func `no source file is longer than 300 lines or wider than 120 columns`() throws {
        for folder in ["Sources", "Tests"] {
            for file in try Self.files(folder, ".swift") {
                let lines = try Self.lines(file)
                #expect(lines.count <= 301, "\(file) has \(lines.count) lines")
                guard folder == "Sources" else { continue }
                for (number, line) in lines.enumerated() { #expect(line.count <= 120, "\(file):\(number + 1)") }
            }
        }
    }

    @Test func `every C library has one importer`() throws {
        for (library, importer) in [
            "CLibPQ": "Postgres", "CXlsxWriter": "Spreadsheet", "COpenSSL": "Digests", "CLinux": "Reporting",
            "CZlib": "Digests",
        ] {
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
