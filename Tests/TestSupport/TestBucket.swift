import Foundation
import FoundationNetworking

/// A bucket of moto's behind a door that verifies each signature and each digest, and that fails when it is told to.
public final class TestBucket: Sendable {
    public static let keyID = "AKIDTEST"
    public static let secret = "a/secret+of=the-test"
    public static let region = "eu-central-1"
    public static let name = "films.example"
    public static let environment = ["AWS_ACCESS_KEY_ID": keyID, "AWS_SECRET_ACCESS_KEY": secret]

    private let program: RunningProgram
    public var endpoint: String { program.firstLine }

    private init(_ program: RunningProgram) {
        self.program = program
    }

    /// Runs the body with a bucket that is empty.
    public static func run(_ body: (TestBucket) async throws -> Void) async throws {
        let script = Deployment.root + "/Tests/TestSupport/bucket.py"
        let program = try await RunningProgram.start(
            [script, keyID, secret, region, name], program: TestPython.path)
        try await body(TestBucket(program))
        _ = await program.stop()
    }

    /// The options of a store in it, `--store` among them.
    public func options(_ prefix: String) -> [String] {
        [
            "--store", "s3://\(Self.name)/\(prefix)", "--store-endpoint", endpoint, "--store-region", Self.region,
        ]
    }

    public enum Fault: String, Sendable {
        /// 503, and a word.
        case busy
        /// The line breaks before the body is read.
        case hangUp = "hang up"
        /// A PUT is answered with 200, and nothing is kept.
        case lose
        /// A PUT is answered with 200, and one byte is missing of what is kept.
        case shorten
        /// A GET of a part is answered with 200, and all of it.
        case whole
        /// A GET of a part is answered with 206, and another part of the same length.
        case otherPart = "other part"
        /// The line breaks in the middle of the answer.
        case cut
    }

    /// Makes the next calls of a method fail.
    public func fail(_ fault: Fault, _ method: String, times: Int = 1) async throws {
        var parts = URLComponents()
        parts.path = "/-/fault"
        parts.queryItems = [
            URLQueryItem(name: "what", value: fault.rawValue), URLQueryItem(name: "method", value: method),
            URLQueryItem(name: "count", value: "\(times)"),
        ]
        _ = try await call("POST", parts.string ?? "")
    }

    /// Removes what lies in a folder, behind everybody's back.
    public func empty(_ folder: String) async throws {
        _ = try await call("POST", "/-/empty?" + folder)
    }

    /// Makes the bucket keep versions of what is deleted, from now on.
    public func keepVersions() async throws {
        _ = try await call("POST", "/-/versions")
    }

    /// What was called by method, and what was refused because it was not signed as it should be.
    public func journal() async throws -> (calls: [String: Int], refused: [String]) {
        let journal = try JSONSerialization.jsonObject(with: try await call("GET", "/-/journal")) as? [String: Any]
        guard let calls = journal?["calls"] as? [String: Int], let refused = journal?["refused"] as? [String] else {
            throw TestSupportError("the bucket has no journal")
        }
        return (calls, refused)
    }

    private func call(_ method: String, _ path: String) async throws -> Data {
        guard let url = URL(string: endpoint + path) else { throw TestSupportError("\(path) is no path") }
        var request = URLRequest(url: url)
        request.httpMethod = method
        return try await URLSession.shared.data(for: request).0
    }
}
