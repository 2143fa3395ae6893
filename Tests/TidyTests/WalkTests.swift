import Foundation
import TestSupport
import Testing

/// The map and the walks of CONTRIBUTING.md: what they name is there.
@Suite struct WalkTests {
    /// A place that a step of a walk names: a file, and what it declares.
    private struct Place {
        let file: String
        let name: String
    }

    /// A walk with the places of each of its steps, which are numbered lines.
    private struct Walk {
        let title: String
        var steps: [(line: String, places: [Place])] = []
    }

    private static func document() throws -> String {
        try String(contentsOfFile: Deployment.root + "/CONTRIBUTING.md", encoding: .utf8)
    }

    /// A chapter of the document, without its heading.
    private static func chapter(_ title: String, of document: String) throws -> [Substring] {
        let lines = document.split(separator: "\n", omittingEmptySubsequences: false)
        let start = try #require(lines.firstIndex { $0 == "## \(title)" }, "there is no chapter \(title)")
        return Array(lines[(start + 1)...].prefix { !$0.hasPrefix("## ") })
    }

    /// Walks are the sub-chapters of a chapter; `FILE`, `NAME` in a step is a place.
    private static func walks(in lines: [Substring]) -> [Walk] {
        lines.reduce(into: [Walk]()) { walks, line in
            if line.hasPrefix("### ") {
                walks.append(Walk(title: String(line.dropFirst(4))))
            } else if line.prefixMatch(of: #/[0-9]+\. /#) != nil, !walks.isEmpty {
                let places = line.matches(of: #/`([^` ]+\.(?:swift|sql|mustache))`, `([^`]+)`/#).map {
                    Place(file: String($0.output.1), name: String($0.output.2))
                }
                walks[walks.count - 1].steps.append((String(line), places))
            }
        }
    }

    /// What is wrong with a place; nil where its file declares the name.
    private static func fault(_ place: Place) -> String? {
        guard let text = try? String(contentsOfFile: Deployment.root + "/" + place.file, encoding: .utf8) else {
            return "\(place.file) is not there"
        }
        // `Type.member`, each declared in the file; the type perhaps by an extension.
        let words = place.name.split(separator: ".").map(String.init)
        if let missing = words.first(where: { !declares(place.file, $0, in: text) }) {
            return "\(place.file) does not declare \(missing)"
        }
        return laterMigration(place).map { "\(place.file) has not the last word on \(place.name): \($0) has" }
    }

    /// A migration that makes a migration's function anew.
    private static func laterMigration(_ place: Place) -> String? {
        guard place.file.contains("/Migrations/") else { return nil }
        let folder = Deployment.root + "/Sources/Schema/Migrations"
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.sorted().last { name in
            let text = try? String(contentsOfFile: folder + "/" + name, encoding: .utf8)
            let pattern = #"\bFUNCTION (daybook|public)\.\#(place.name)\("#
            return name > (place.file as NSString).lastPathComponent
                && text?.range(of: pattern, options: .regularExpression) != nil
        }
    }

    private static func declares(_ file: String, _ name: String, in text: String) -> Bool {
        let escaped = NSRegularExpression.escapedPattern(for: name)
        let pattern =
            switch (file as NSString).pathExtension {
            case "swift" where name == "init": #"\binit[?]?[(<]"#
            case "swift": #"\b(func|struct|class|enum|actor|protocol|extension|typealias|var|let|case) `?\#(escaped)\b"#
            // The tables and functions of a migration; the columns of a query.
            case "sql" where file.contains("/Migrations/"):
                #"\b(TABLE|VIEW|FUNCTION|TRIGGER) (daybook|public)\.\#(escaped)\b"#
            case "sql": #"(\bAS |[.])\#(escaped)\b"#
            default: #"\{\{[#^>]?\#(escaped)\}\}"#
            }
        return text.range(of: pattern, options: .regularExpression) != nil
    }

    @Test func `every step of a walk names a file and what that declares`() throws {
        let walks = try Self.walks(in: Self.chapter("Three walks", of: Self.document()))
        #expect(walks.count == 3)
        for walk in walks {
            #expect(walk.steps.count >= 8, "\(walk.title)")
            for step in walk.steps {
                #expect(!step.places.isEmpty, "\(walk.title) names no place in: \(step.line)")
                for fault in step.places.compactMap(Self.fault) { Issue.record("\(walk.title): \(fault)") }
            }
        }
    }

    @Test func `a step that names what is not there is found`() throws {
        let walk = try #require(
            Self.walks(in: [
                "### A walk", "1. `Tests/TidyTests/WalkTests.swift`, `WalkTests.fault`: this one.",
                "2. `Tests/TidyTests/WalkTests.swift`, `WalkTests.walked` and `Tests/TidyTests/None.swift`, `None`.",
                "3. Nowhere.", "4. `Sources/Schema/Migrations/003_money.sql`, `freeze`: made anew since.",
            ]).first)
        let faults = walk.steps.map { $0.places.compactMap(Self.fault) }
        #expect(
            faults[..<3] == [
                [],
                [
                    "Tests/TidyTests/WalkTests.swift does not declare walked",
                    "Tests/TidyTests/None.swift is not there",
                ],
                [],
            ])
        #expect(faults[3].count == 1 && faults[3][0].contains("003_money.sql has not the last word on freeze"))
        #expect(walk.steps.map(\.places.count) == [1, 2, 0, 1])
    }

    @Test func `the map names every module and fits one screen`() throws {
        let map = try Self.chapter("The map", of: Self.document())
        #expect(map.count <= 50 && map.allSatisfy { $0.count <= 120 }, "\(map.count) lines")
        let words = Set(map.joined(separator: " ").split { !$0.isLetter && $0 != "-" }.map(String.init))
        for module in try FileManager.default.contentsOfDirectory(atPath: Deployment.root + "/Sources") {
            #expect(words.contains(module), "the map does not name \(module)")
        }
    }

    @Test func `every path that the guide names is there`() throws {
        let document = try Self.document()
        let paths = document.matches(
            of: #/`((?:Sources|Tests|reports|templates|sample|scripts|docs|findings)/[^` ]*)`/#)
        #expect(paths.count >= 20)
        for path in paths.map({ String($0.output.1) }) where !path.contains("NNN") {
            #expect(FileManager.default.fileExists(atPath: Deployment.root + "/" + path), "\(path)")
        }
    }
}
