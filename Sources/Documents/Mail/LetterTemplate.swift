public import Domain
import Foundation

/// A paragraph that is chosen for whom a letter goes to: its placeholder stands on a line of its own, and its texts are
/// in a folder below the letter's name.
public enum LetterParagraph: String, Sendable, CaseIterable {
    case useCase = "use_case"
    case scale

    /// As a sentence says it.
    var title: String {
        switch self {
        case .useCase: "the use case"
        case .scale: "the scale"
        }
    }

    /// `letters/introduction/use-case`, say.
    var folder: String {
        switch self {
        case .useCase: "use-case"
        case .scale: "scale"
        }
    }
}

/// A letter as plain text with `{{placeholders}}`: the first line is the subject, the rest the body.
public struct LetterTemplate: Sendable {
    /// A letter with every placeholder filled.
    public struct Letter: Sendable {
        public let subject: String
        public let body: String
    }

    public let name: String
    private let text: String

    /// Finds `letters/NAME.txt` in the last of some template folders that has it. Throws `usage` where none has.
    ///
    /// - Parameter chosen: Which paragraph is to stand where the letter has a place for one; a place for which nothing
    ///   is chosen stays empty. Throws `usage` for one that the letter has no place for, or that nobody wrote.
    public init(name: String, folders: [String], chosen: [LetterParagraph: String] = [:]) throws(DaybookError) {
        guard Account.isSlug(name), let text = Self.newest("\(name).txt", in: folders) else {
            let known = Self.names(in: folders).joined(separator: ", ")
            throw .usage("There is no letter \"\(name.prefix(80))\"; there are \(known).")
        }
        self.name = name
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        for paragraph in LetterParagraph.allCases {
            let choice = chosen[paragraph]
            guard let place = lines.firstIndex(where: { $0 == "{{\(paragraph.rawValue)}}" }) else {
                guard choice == nil else {
                    throw .usage("The letter \(name) has no paragraph for \(paragraph.title): leave it out.")
                }
                continue
            }
            guard let choice else {
                // Nothing stands there, and not two blank lines either.
                lines.remove(at: place)
                if place > 0, place < lines.count, lines[place - 1].isEmpty, lines[place].isEmpty {
                    lines.remove(at: place)
                }
                continue
            }
            let folder = "\(name)/\(paragraph.folder)"
            guard Account.isSlug(choice), let content = Self.newest("\(folder)/\(choice).txt", in: folders) else {
                let known = Self.names(in: folders, below: folder).joined(separator: ", ")
                throw .usage(
                    "The letter \(name) has no paragraph for \(paragraph.title) \"\(choice.prefix(80))\"; there are "
                        + "\(known).")
            }
            let written = content.trimmingCharacters(in: .newlines)
            lines.replaceSubrange(
                place...place, with: written.split(separator: "\n", omittingEmptySubsequences: false))
        }
        self.text = lines.joined(separator: "\n")
    }

    /// The text of a letter's file in the last of some template folders that has it.
    private static func newest(_ file: String, in folders: [String]) -> String? {
        folders.reversed().lazy.compactMap { FileManager.default.contents(atPath: "\($0)/letters/\(file)") }.first
            .flatMap { String(validating: $0, as: UTF8.self) }
    }

    /// The names of all letters of some folders, or of the paragraphs in a folder below them.
    public static func names(in folders: [String], below: String = "") -> [String] {
        let files = folders.flatMap {
            (try? FileManager.default.contentsOfDirectory(atPath: "\($0)/letters/\(below)")) ?? []
        }
        return Set(files.filter { $0.hasSuffix(".txt") }.map { String($0.dropLast(4)) }).sorted()
    }

    /// The placeholders, in the order in which they come first.
    public var placeholders: [String] {
        var names: [String] = []
        for match in text.matches(of: /\{\{([a-z0-9_]+)\}\}/) where !names.contains(String(match.1)) {
            names.append(String(match.1))
        }
        return names
    }

    /// Fills the letter of a report. Throws `usage` for a placeholder of which the report knows nothing: nobody can
    /// give it a value.
    public func fill(fromReport values: [String: String]) throws(DaybookError) -> Letter {
        let missing = missing(values)
        guard missing.isEmpty else {
            let known = values.keys.sorted().map { "{{\($0)}}" }.joined(separator: ", ")
            throw .usage(
                "The letter \(name) has \(missing.map { "{{\($0)}}" }.joined(separator: ", ")), of which its report "
                    + "knows nothing; mend letters/\(name).txt. It may have \(known).")
        }
        return try filled(values)
    }

    /// Fills every placeholder. Throws `usage` for one that has no value, and for a value that has no placeholder.
    public func fill(_ values: [String: String], given: Set<String>) throws(DaybookError) -> Letter {
        let missing = missing(values)
        guard missing.isEmpty else {
            throw .usage("The letter \(name) needs \(missing.joined(separator: ", "))", .fillPlaceholders)
        }
        if let unknown = given.sorted().first(where: { !placeholders.contains($0) }) {
            throw .usage(
                "The letter \(name) has no {{\(unknown)}}; it has \(placeholders.joined(separator: ", ")).")
        }
        return try filled(values)
    }

    private func missing(_ values: [String: String]) -> [String] {
        placeholders.filter { (values[$0] ?? "").isEmpty }
    }

    private func filled(_ values: [String: String]) throws(DaybookError) -> Letter {
        let filled = text.replacing(/\{\{([a-z0-9_]+)\}\}/) { values[String($0.1)] ?? "" }
        let lines = filled.split(separator: "\n", maxSplits: 1, omittingEmptySubsequences: false)
        let subject = String(lines[0]).replacing(/^Subject: */, with: "")
        guard !subject.isEmpty, !subject.contains(where: \.isNewline) else {
            throw .configuration("The letter \(name) must begin with a line \"Subject: …\".")
        }
        let body = lines.count > 1 ? lines[1].drop { $0 == "\n" } : ""
        return Letter(subject: subject, body: String(body))
    }
}
