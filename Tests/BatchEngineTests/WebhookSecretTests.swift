import BatchEngine
import Testing

/// Signatures of webhooks against the vectors that the libraries of receivers publish.
struct WebhookSecretTests {
    private static let text = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

    @Test func `the published vectors hold`() throws {
        let secret = try #require(WebhookSecret(Self.text))
        #expect(secret.text == Self.text && "\(secret)" == "WebhookSecret")
        let body = Array("{\"test\": 2432232314}".utf8)
        let signature = secret.signature(id: "msg_p5jXN8AQM9LWM0D4loKWxJek", seconds: 1_614_265_330, body: body)
        #expect(signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
    }

    @Test func `a secret without padding is read, and anything that is none is refused`() {
        #expect(WebhookSecret("whsec_" + String(repeating: "A", count: 34)) != nil)
        for text in ["", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_MfKQ", "whsec_-_", Self.text + "!"] {
            #expect(WebhookSecret(text) == nil, "\(text)")
        }
        #expect(WebhookSecret(bytes: [UInt8](repeating: 1, count: 65)) == nil)
        #expect(WebhookSecret.generate() != WebhookSecret.generate())
    }

    @Test func `a message carries both signatures, and one of each secret`() throws {
        let (new, old) = (WebhookSecret.generate(), WebhookSecret.generate())
        let message = WebhookMessage(
            url: "https://example.com/", id: "evt_1", batchID: "b", body: "{}", sentAt: 1_614_265_330,
            secrets: [new, old])
        func header(_ name: String) -> String? { message.headers.first { $0.name == name }?.value }
        let signatures = [new, old].map { $0.signature(id: "evt_1", seconds: 1_614_265_330, body: [0x7B, 0x7D]) }
        #expect(header("webhook-signature") == signatures.joined(separator: " "))
        #expect(header("webhook-id") == "evt_1" && header("webhook-timestamp") == "1614265330")
        #expect(header("x-sora2-signature") == new.bodySignature([0x7B, 0x7D]))
        #expect(header("x-sora2-timestamp") == "2021-02-25T15:02:10.000000+00:00")
    }
}
