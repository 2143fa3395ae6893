import Domain
import Formats
import Foundation
import FoundationNetworking
import Postgres
import TestSupport

/// `daybookd serve` on a database of its own, with a customer and a key.
struct LiveServer: Sendable {
    let url: String
    let key: String
    let userID: String
    let settings: ConnectionSettings
    let program: RunningProgram
    private let session: URLSession

    /// An answer of the server.
    struct Answer: Sendable {
        let status: Int
        /// By lower-case name.
        let headers: [String: String]
        let body: JSON
        let text: String

        /// The word of an error.
        var error: String? { string("error") }

        func string(_ name: String) -> String? {
            if case .string(let text)? = body[name] { text } else { nil }
        }

        func int(_ name: String) -> Int64? {
            if case .number(let text)? = body[name] { Int64(text) } else { nil }
        }

        func array(_ name: String) -> [JSON] {
            if case .array(let elements)? = body[name] { elements } else { [] }
        }
    }

    static let daybookd = RunningProgram.path("daybookd")

    /// Runs the body with a server, which is stopped afterwards.
    static func run<Result>(
        purchased: Int64 = 100_000, bonus: Int64 = 0, keyOptions: [String] = [], serveOptions: [String] = [],
        planted: Bool = false, _ body: (LiveServer) async throws -> Result
    ) async throws -> Result {
        try await withEngine { settings in
            let userID = try await TestCustomer.create(in: settings, purchased: purchased, bonus: bonus)
            if planted { _ = try await PlantedNames.plant(in: settings) }
            let conninfo = Deployment.conninfo(settings)
            let key = try await ProgramRun.expectingSuccess(
                ["keys", "create", "--user", userID, "--name", "tests", "--database", conninfo] + keyOptions,
                program: daybookd)
            return try await run(
                on: settings, userID: userID, key: key.trimmingCharacters(in: .whitespacesAndNewlines), serveOptions,
                body)
        }
    }

    /// Runs the body with a server on a database, for a customer and a key that are there.
    static func run<Result>(
        on settings: ConnectionSettings, userID: String, key: String, _ serveOptions: [String] = [],
        _ body: (LiveServer) async throws -> Result
    ) async throws -> Result {
        let program = try await RunningProgram.start(
            ["serve", "--port", "0", "--database", Deployment.conninfo(settings)] + serveOptions, program: daybookd)
        let configuration = URLSessionConfiguration.ephemeral
        configuration.httpMaximumConnectionsPerHost = 64
        let server = LiveServer(
            url: program.firstLine, key: key, userID: userID, settings: settings, program: program,
            session: URLSession(configuration: configuration))
        do {
            let result = try await body(server)
            await program.stop()
            return result
        } catch {
            print("daybookd said: \(program.errors)")
            await program.stop()
            throw error
        }
    }

    /// Makes a call with the key, unless `headers` have another; a name without a value takes a header away.
    func call(
        _ method: String, _ path: String, _ body: String? = nil, headers: [String: String] = [:]
    ) async throws -> Answer {
        guard let address = URL(string: url + path) else { throw TestSupportError("\(path) is no address") }
        var request = URLRequest(url: address)
        request.httpMethod = method
        request.timeoutInterval = 60
        var fields = ["x-api-key": key, "content-type": "application/json"]
        for (name, value) in headers { fields[name] = value }
        for (name, value) in fields where !value.isEmpty { request.setValue(value, forHTTPHeaderField: name) }
        request.httpBody = body.map { Data($0.utf8) }
        let (data, response) = try await session.data(for: request)
        guard let response = response as? HTTPURLResponse else { throw TestSupportError("no HTTP answer") }
        var names: [String: String] = [:]
        for (name, value) in response.allHeaderFields { names["\(name)".lowercased()] = "\(value)" }
        let text = String(decoding: data, as: UTF8.self)
        let isJSON = names["content-type"]?.hasSuffix("json") ?? false
        return Answer(
            status: response.statusCode, headers: names,
            body: data.isEmpty || !isJSON ? .null : try JSON(parsing: Array(data)), text: text)
    }

    /// A body with so many items.
    static func batch(_ items: Int, requestID: String? = nil, prompt: String = "a paper boat") -> String {
        let members: [(String, JSON)] = [
            ("request_id", .text(requestID)),
            ("items", .array((0..<items).map { ["prompt": .string("\(prompt), take \($0)")] })),
        ]
        return JSON.object(members.map { JSON.Member($0.0, $0.1) }).compactText
    }

    /// What a query counts.
    func count(_ sql: String) async throws -> Int64 {
        let connection = try await Connection.open(settings)
        let count = try await connection.run { try $0.query(sql)[0].int(0) }
        await connection.close()
        return count
    }
}
