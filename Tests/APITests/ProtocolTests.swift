import Foundation
import TestSupport
import Testing

/// What stands in HTTP itself: methods, transfer codings, broken requests.
@Suite(.timeLimit(.minutes(4))) struct ProtocolTests {
    private struct Parts: Equatable {
        let status: String
        let fields: [String: String]
        let body: String
    }

    private func parts(_ answer: String) -> Parts {
        let halves = answer.split(separator: "\r\n\r\n", maxSplits: 1, omittingEmptySubsequences: false)
        let lines = (halves.first ?? "").split(separator: "\r\n").map(String.init)
        var fields: [String: String] = [:]
        for line in lines.dropFirst() {
            let words = line.split(separator: ":", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
            if words.count == 2, !["date", "ratelimit"].contains(words[0].lowercased()) {
                fields[words[0].lowercased()] = words[1]
            }
        }
        return Parts(status: lines.first ?? "", fields: fields, body: halves.count == 2 ? String(halves[1]) : "")
    }

    @Test func `HEAD answers as GET does, and never with a body`() async throws {
        try await LiveServer.run { server in
            let created = try await server.call("POST", "/v1/batches", LiveServer.batch(1))
            let batchID = try #require(created.string("batch_id"))
            let key = "x-api-key: \(server.key)\r\n"
            for (path, fields, status) in [
                ("/healthz", "", 200), ("/readyz", "", 200), ("/v1/credits/balance", key, 200),
                ("/v1/batches/\(batchID)/items", key, 200), ("/api/v1/credits/ledger", key, 200),
                ("/v1/credits/balance", "", 401), ("/v1/credits/balance", "x-api-key: x\r\n", 403),
                ("/v1/credits/ledger?limit=0", key, 400), ("/v1/batches/\(UUID().uuidString)", key, 404),
                ("/nothing", "", 404),
            ] {
                let rest = " \(path) HTTP/1.1\r\nhost: x\r\n\(fields)connection: close\r\n\r\n"
                let got = parts(try await RawConnection.exchange(server.url, "GET" + rest))
                let head = parts(try await RawConnection.exchange(server.url, "HEAD" + rest))
                #expect(got.status.contains(" \(status) ") && !got.body.isEmpty, "GET \(path): \(got)")
                #expect(head.body.isEmpty, "HEAD \(path): \(head)")
                #expect(head.status == got.status && head.fields == got.fields, "HEAD \(path): \(head), not \(got)")
                #expect(head.fields["content-length"] == String(got.body.utf8.count))
            }
        }
    }

    @Test func `a transfer coding that nobody knows is refused, and nothing is made of it`() async throws {
        try await LiveServer.run { server in
            let body = LiveServer.batch(1)
            let chunked = "\(String(body.utf8.count, radix: 16))\r\n\(body)\r\n0\r\n\r\n"
            for coding in [
                "gzip", "gzip, chunked", "chunked, gzip", "identity", "xchunked", "chunked\r\nTransfer-Encoding: gzip",
            ] {
                let head =
                    "POST /v1/batches HTTP/1.1\r\nhost: x\r\nx-api-key: \(server.key)\r\nconnection: close\r\n"
                    + "Transfer-Encoding: \(coding)\r\n\r\n"
                let answer = parts(try await RawConnection.exchange(server.url, head + chunked))
                #expect(
                    answer.status.contains(" 400 ") || answer.status.contains(" 501 "), "\(coding): \(answer)")
            }
            #expect(try await server.count("SELECT count(*) FROM public.batch_jobs") == 0)
            let known =
                "POST /v1/batches HTTP/1.1\r\nhost: x\r\nx-api-key: \(server.key)\r\nconnection: close\r\n"
                + "Transfer-Encoding: Chunked\r\n\r\n" + chunked
            #expect(parts(try await RawConnection.exchange(server.url, known)).status.contains(" 200 "))
        }
    }

    @Test func `two lengths, or a length beside chunks, are one request at most`() async throws {
        try await LiveServer.run { server in
            let head = "POST /v1/batches HTTP/1.1\r\nhost: x\r\nx-api-key: \(server.key)\r\n"
            let hidden =
                "GET /v1/credits/balance HTTP/1.1\r\nhost: x\r\nx-api-key: \(server.key)\r\n"
                + "connection: close\r\n\r\n"
            for request in [
                head + "content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n" + hidden,
                head + "content-length: 5\r\ncontent-length: 6\r\n\r\n12345" + hidden,
                head + "content-length: +5\r\n\r\n12345" + hidden,
                head + "transfer-encoding: chunked\r\n\r\n0x1\r\n1\r\n0\r\n\r\n" + hidden,
            ] {
                let answer = try await RawConnection.exchange(server.url, request)
                #expect(answer.hasPrefix("HTTP/1.1 400 ") && !answer.contains("available"), "\(request): \(answer)")
            }
        }
    }
}
