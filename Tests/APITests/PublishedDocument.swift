import Formats
import Foundation
import TestSupport

/// `/openapi.yaml` as a library reads it that is not ours.
struct PublishedDocument: Sendable {
    /// A call as the document has it.
    struct Operation: Sendable, Hashable {
        /// In capitals.
        let method: String
        /// With names in braces.
        let path: String
        /// Parameters of its address, by their names.
        let query: [String]
        /// Members of its body that the document names.
        let members: [String]

        /// The address with something in place of each name in braces.
        func address(_ values: [String: String], _ other: String = "x") -> String {
            path.split(separator: "/", omittingEmptySubsequences: false).map { part in
                part.hasPrefix("{") ? values[String(part.dropFirst().dropLast())] ?? other : String(part)
            }.joined(separator: "/")
        }
    }

    /// What was asked and answered.
    struct Exchange: Sendable {
        let method: String
        let path: String
        let answer: LiveServer.Answer

        var line: String {
            let type = answer.headers["content-type"] ?? ""
            let members: JSON = [
                "method": .string(method), "path": .string(path), "status": .integer(answer.status),
                "type": .string(type), "body": .string(answer.text),
            ]
            return members.compactText
        }
    }

    private static let script = Deployment.root + "/Tests/APITests/Document/document.py"

    let text: String
    let json: JSON

    /// Throws where the document is not valid.
    init(of server: LiveServer) async throws {
        text = try await server.call("GET", "/openapi.yaml", headers: ["x-api-key": ""]).text
        json = try await Self.withFile(text, ".yaml") { path in
            let read = try await ProgramRun.expectingSuccess([Self.script, "read", path], program: TestPython.path)
            return try JSON(parsing: Array(read.utf8))
        }
    }

    var operations: [Operation] {
        guard case .object(let paths)? = json["paths"] else { return [] }
        return paths.flatMap { path -> [Operation] in
            guard case .object(let members) = path.value else { return [] }
            let shared = parameters(path.value)
            return members.filter { $0.name != "parameters" }.map { method in
                let body = method.value["requestBody"]?["content"]?["application/json"]?["schema"]
                return Operation(
                    method: method.name.uppercased(), path: path.name,
                    query: (shared + parameters(method.value)).filter { $0.place == "query" }.map(\.name),
                    members: names(followed(body)?["properties"]))
            }
        }
    }

    /// The words of a list of the document, by the names on the way to it.
    func words(_ way: String...) -> [String] {
        guard case .array(let words)? = way.reduce(json as JSON?, { $0?[$1] }) else { return [] }
        return words.compactMap { if case .string(let word) = $0 { word } else { nil } }
    }

    /// What of some exchanges the document does not describe; empty where it describes them all.
    func complaints(_ exchanges: [Exchange]) async throws -> String {
        try await complaints(lines: exchanges.map(\.line).joined(separator: "\n") + "\n", exchanges.count)
    }

    /// The same of exchanges that were recorded elsewhere, a line each.
    func complaints(lines: String, _ count: Int) async throws -> String {
        try await Self.withFile(text, ".yaml") { document in
            try await Self.withFile(lines, ".jsonl") { path in
                let run = try await ProgramRun([Self.script, "judge", document, path], program: TestPython.path)
                return run.output == "\(count)\n" && run.exitCode == 0 ? "" : "\(run.output)\(run.errors)"
            }
        }
    }

    private func parameters(_ node: JSON) -> [(name: String, place: String)] {
        guard case .array(let elements)? = node["parameters"] else { return [] }
        return elements.compactMap { element in
            guard let element = followed(element), case .string(let name)? = element["name"],
                case .string(let place)? = element["in"]
            else { return nil }
            return (name, place)
        }
    }

    private func names(_ node: JSON?) -> [String] {
        if case .object(let members)? = node { members.map(\.name) } else { [] }
    }

    private func followed(_ node: JSON?) -> JSON? {
        guard case .string(let reference)? = node?["$ref"] else { return node }
        return followed(reference.split(separator: "/").dropFirst().reduce(json as JSON?) { $0?[String($1)] })
    }

    private static func withFile<Result>(
        _ text: String, _ ending: String, _ body: (String) async throws -> Result
    ) async throws -> Result {
        let path = NSTemporaryDirectory() + "daybook-\(UUID().uuidString)\(ending)"
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: path) }
        return try await body(path)
    }
}
