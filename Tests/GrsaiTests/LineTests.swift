import BatchEngine
import Domain
import Foundation
import Testing

@testable import Grsai

/// What the line can do to a submission, and what may then be said of it.
@Suite struct LineTests {
    private static func submit(
        to address: String, seconds: Int64 = 20, connectSeconds: Int64 = 5, nonce: String = "n-1"
    ) async throws -> SubmissionAnswer {
        let client = try GrsaiClient(
            settings: GrsaiSettings(
                baseURL: address, key: "sk-test-key", connectSeconds: connectSeconds, submissionSeconds: seconds))
        let answer = await client.submit(.test(nonce: nonce))
        try await client.shutdown()
        return answer
    }

    /// Whether a request's body has arrived, which ends with this member.
    private static func isWhole(_ text: String) -> Bool { text.contains("\"webHook\":") && text.hasSuffix("}") }

    @Test func `nobody listening is a temporary refusal`() async throws {
        let server = try await RawServer.start { _, _ in .wait }
        try await server.stop()
        let answer = try await Self.submit(to: server.address)
        #expect(answer.refusal?.kind == .temporary, "\(answer)")
    }

    @Test func `a name that does not resolve is a temporary refusal`() async throws {
        let answer = try await Self.submit(to: "http://no-such-host.invalid")
        #expect(answer.refusal?.kind == .temporary, "\(answer)")
    }

    @Test func `a server that does not speak TLS is a temporary refusal and sees no task`() async throws {
        let server = try await RawServer.start { _, text in text.isEmpty ? .wait : .send("HTTP/1.1 400 Bad\r\n\r\n") }
        let answer = try await Self.submit(to: "https" + server.address.dropFirst(4))
        #expect(answer.refusal?.kind == .temporary, "\(answer)")
        #expect(!server.received.contains { $0.contains("webHook") })
        try await server.stop()
    }

    @Test func `silence in place of TLS is a temporary refusal after the time to connect`() async throws {
        let server = try await RawServer.start { _, _ in .wait }
        let answer = try await Self.submit(to: "https" + server.address.dropFirst(4), seconds: 20, connectSeconds: 1)
        #expect(answer.refusal?.kind == .temporary, "\(answer)")
        try await server.stop()
    }

    @Test(arguments: [
        "", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"code\":0,", "HTTP/1.1 200 OK\r\nContent-",
    ])
    func `an answer that never ends is unknown, and is not asked for again`(start: String) async throws {
        let server = try await RawServer.start { _, text in Self.isWhole(text) && !start.isEmpty ? .send(start) : .wait
        }
        let answer = try await Self.submit(to: server.address, seconds: 1)
        #expect(answer.isUnknown, "\(answer)")
        #expect(server.received.count == 1)
        try await server.stop()
    }

    @Test(arguments: [RawServer.Action.close, .reset])
    func `a line that breaks after the task was sent is unknown`(ending: RawServer.Action) async throws {
        let server = try await RawServer.start { _, text in Self.isWhole(text) ? ending : .wait }
        let answer = try await Self.submit(to: server.address)
        #expect(answer.isUnknown, "\(answer)")
        #expect(server.received.count == 1)
        try await server.stop()
    }

    @Test func `an answer larger than any real one is unknown`() async throws {
        let body = String(repeating: " ", count: GrsaiClient.answerBytes + 1)
        let server = try await RawServer.start { _, text in
            Self.isWhole(text) ? .send("HTTP/1.1 200 OK\r\nContent-Length: \(body.count)\r\n\r\n\(body)") : .wait
        }
        let answer = try await Self.submit(to: server.address)
        #expect(answer.isUnknown, "\(answer)")
        try await server.stop()
    }

    @Test func `something that is no HTTP is unknown`() async throws {
        let server = try await RawServer.start { _, text in Self.isWhole(text) ? .send("SSH-2.0-x\r\n\r\n") : .wait }
        let answer = try await Self.submit(to: server.address)
        #expect(answer.isUnknown, "\(answer)")
        #expect(server.received.count == 1)
        try await server.stop()
    }

    @Test(arguments: [301, 302, 303, 307, 308])
    func `a redirect is not followed`(status: Int) async throws {
        let server = try await RawServer.start { _, text in
            Self.isWhole(text)
                ? .send("HTTP/1.1 \(status) Moved\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n") : .wait
        }
        let answer = try await Self.submit(to: server.address)
        #expect(answer.isUnknown, "\(answer)")
        #expect(server.received.count == 1)
        try await server.stop()
    }

    @Test func `whenever the line breaks, what is called refused never arrived whole`() async throws {
        // Each connection breaks at another moment: when it stands, at its first bytes, or when all is there.
        let server = try await RawServer.start { number, text in
            let ending: RawServer.Action = number % 2 == 0 ? .close : .reset
            switch number % 3 {
            case 0: return ending
            case 1: return text.isEmpty ? .wait : ending
            default: return Self.isWhole(text) ? ending : .wait
            }
        }
        var refused = 0
        var unknown = 0
        for index in 0..<150 {
            let answer = try await Self.submit(to: server.address, nonce: "nonce-\(index)")
            let arrivals = server.received.count { $0.contains("nonce-\(index)\"") }
            #expect(arrivals <= 1)
            if let refusal = answer.refusal {
                refused += 1
                #expect(refusal.kind == .temporary && arrivals == 0, "\(answer)")
            } else {
                unknown += 1
                #expect(answer.isUnknown, "\(answer)")
            }
        }
        print("\(refused) submissions were refused and \(unknown) unknown.")
        #expect(server.received.count == 150)
        try await server.stop()
    }

    @Test func `a submission is what the provider documents, on a line of its own`() async throws {
        let answer = #"{"code":0,"msg":"success","data":{"id":"a-1"}}"#
        let server = try await RawServer.start { _, text in
            Self.isWhole(text)
                ? .send("HTTP/1.1 200 OK\r\nContent-Length: \(answer.utf8.count)\r\n\r\n\(answer)") : .wait
        }
        let client = try GrsaiClient(settings: GrsaiSettings(baseURL: server.address, key: "sk-test-key"))
        for request in [
            ProviderRequest.test(.sora2, seconds: 5, nonce: "n-1"), .test(.sora2, seconds: 15, nonce: nil),
            .test(.veoFlash, nonce: "n-2"), .test(.veoPro, nonce: "n-3"),
        ] {
            #expect(await client.submit(request) == .accepted(providerTaskID: "a-1"))
        }
        try await client.shutdown()
        let received = server.received
        #expect(received.count == 4, "each on a line of its own")
        #expect(received.allSatisfy { $0.lowercased().contains("authorization: bearer sk-test-key\r\n") })
        let bodies = received.map { $0.components(separatedBy: "\r\n\r\n").last ?? "" }
        let prompt = "\"prompt\":\"a red kite over the sea\""
        let ending = "\"webHook\":\"http://127.0.0.1:9/callbacks/n-"
        #expect(
            bodies == [
                "{\"aspectRatio\":\"16:9\",\"duration\":10,\"model\":\"sora-2\",\(prompt),\"shutProgress\":false,"
                    + "\"size\":\"small\",\(ending)1\"}",
                "{\"aspectRatio\":\"16:9\",\"duration\":15,\"model\":\"sora-2\",\(prompt),\"shutProgress\":false,"
                    + "\"size\":\"small\",\"webHook\":\"-1\"}",
                "{\"aspectRatio\":\"16:9\",\"model\":\"veo3.1-fast\",\(prompt),\"shutProgress\":false,\(ending)2\"}",
                "{\"aspectRatio\":\"16:9\",\"model\":\"veo3.1-pro\",\(prompt),\"shutProgress\":false,\(ending)3\"}",
            ])
        #expect(received[0].hasPrefix("POST /v1/video/sora-video ") && received[2].hasPrefix("POST /v1/video/veo "))
        try await server.stop()
    }
}
