import ArgumentParser
import BatchEngine
import Codecs
import Console
import Domain
import Foundation
import Webhooks

/// `daybookd webhooks …`
struct WebhooksCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "webhooks", abstract: "Messages about batches to addresses of customers.",
        subcommands: [Test.self])

    struct Test: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Send one message to an address and say what became of it.",
            discussion: """
                The message looks like that of a batch that was rendered, about a batch that does not exist, signed as \
                all are. Nothing is stored and no database is needed. What does not arrive is exit code 1.

                A look at a receiver under development:
                  daybookd webhooks test http://127.0.0.1:3000/hook --allow-http-webhooks --allow-private-webhooks
                """)

        @Argument(help: "The address, such as https://example.com/hook.") var url: String
        @Option(
            help: ArgumentHelp(
                "A file with the secret, whsec_…, that the receiver knows. Default: a new one, which is shown.",
                valueName: "file"))
        var secretFile: String?
        @OptionGroup(title: "Webhooks") var webhooks: WebhookPlaces

        func run() async throws {
            let rules = RequestRules(allowsPlainWebhooks: webhooks.rules.allowsPlain)
            if let reason = rules.reason(againstWebhook: url) { throw DaybookError.usage("\(url) \(reason).") }
            let secret = try secret()
            let now = Int64(Date().timeIntervalSince1970)
            let message = WebhookMessage(test: url, sentAt: now, secret: secret)
            let transport = HTTPWebhookTransport(rules: webhooks.rules)
            let answer = await transport.send(message)
            try await transport.shutdown()
            guard let answer else { throw CancellationError() }
            if secretFile == nil { Terminal.show("secret: \(secret.text)") }
            Terminal.show("sent: \(String(decoding: message.body, as: UTF8.self))")
            for header in message.headers { Terminal.show("  \(header.name): \(header.value)") }
            if let address = answer.address { Terminal.show("connected to: \(address)") }
            Terminal.show("after: \(answer.milliseconds) ms")
            if let failure = answer.failure {
                throw DaybookError(.failed, "The message did not arrive: \(failure).")
            }
            Terminal.show("arrived: the receiver answered \(answer.status ?? 0)")
        }

        private func secret() throws -> WebhookSecret {
            guard let secretFile else { return .generate() }
            let text = String(validating: try KeyFile.secret(secretFile), as: UTF8.self)
            let trimmed = text?.trimmingCharacters(in: .whitespacesAndNewlines)
            guard let secret = trimmed.flatMap(WebhookSecret.init) else {
                throw DaybookError.configuration(
                    "\(secretFile) holds no secret of a webhook: whsec_ and 24 to 64 bytes in base64.")
            }
            return secret
        }
    }
}
