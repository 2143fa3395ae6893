public import Domain
import Foundation

/// Where messages go.
public enum MailChannel: Sendable {
    /// A folder of `.eml` files, for those who may read them.
    case outbox(String, OutputMode)
    /// A submission server, `smtp://host:587` or `smtps://host`; curl takes name and password from ~/.netrc.
    case smtp(String)
    /// A command that takes the message on its standard input, such as `/usr/sbin/sendmail -t -i`.
    case sendmail([String])

    /// What became of a message.
    package enum Fate {
        case handedOver
        /// It was not taken: it is this message's or its recipient's own fault, and others may fare better.
        case refused(String)
        /// It was given away, and the answer never came.
        case uncertain(String)
    }

    package var name: String {
        switch self {
        case .outbox: "outbox"
        case .smtp: "smtp"
        case .sendmail: "sendmail"
        }
    }

    /// Seconds that curl may take for a message.
    private static let smtpSeconds = 60
    /// Answers of a mail server that are about us and not about the recipient: busy, and everything about passwords.
    private static let aboutUs: Set<Int> = [421, 432, 454, 530, 534, 535, 538]
    /// What sendmail says of a message or its recipient: the content, the user, the host (sysexits.h).
    private static let aboutRecipient: Set<Int32> = [65, 67, 68]
    /// What sendmail says of a message that it may have kept to try again later (sysexits.h).
    private static let keptForLater: Int32 = 75

    /// Gives a message away. Throws where nothing was sent and no other message will fare better: `tryAgain`,
    /// `configuration` for a program that cannot be started, `output` for a folder that cannot be written.
    package func hand(_ bytes: [UInt8], from: String, to recipients: [String], name: String) async throws -> Fate {
        switch self {
        case .outbox(let folder, let mode):
            let staging = try StagingFolder(output: folder, mode: mode)
            let sink = try staging.sink(name)
            try sink.write(bytes)
            _ = try sink.finish()
            try staging.publish(name)
            return .handedOver
        case .smtp(let url):
            return try await submit(
                bytes,
                [
                    "/usr/bin/curl", "--silent", "--show-error", "--ssl-reqd", "--netrc-optional", "--max-time",
                    String(Self.smtpSeconds), "--proto", "=smtp,smtps", "--url", url, "--mail-from", from,
                    "--upload-file", "-", "--write-out", "%{response_code} %{size_upload}",
                ] + recipients.flatMap { ["--mail-rcpt", $0] })
        case .sendmail(let command): return try await pipe(bytes, command)
        }
    }

    /// What curl says of it: the server's last answer decides, and how much of the message had been sent by then.
    private func submit(_ bytes: [UInt8], _ command: [String]) async throws -> Fate {
        let end = try await ChildProgram(command, keepsOutput: true).run(input: bytes)
        guard end.exitCode != 0 else { return .handedOver }
        let said = Self.firstLine(end.errors)
        let numbers = end.output.split(separator: " ").compactMap { Int($0) }
        guard end.exitCode != nil, numbers.count == 2 else { return .uncertain(said) }
        if (400...599).contains(numbers[0]), !Self.aboutUs.contains(numbers[0]) { return .refused(said) }
        guard numbers[1] == 0 else { return .uncertain(said) }
        throw DaybookError(.tryAgain, "The message was not sent: \(said).")
    }

    private func pipe(_ bytes: [UInt8], _ command: [String]) async throws -> Fate {
        guard !command.isEmpty else { throw DaybookError.usage("Name the program that sends mail.") }
        let end = try await ChildProgram(command, keepsOutput: true).run(input: bytes)
        let said = Self.firstLine(end.errors)
        switch end.exitCode {
        case 0: return .handedOver
        case nil, Self.keptForLater: return .uncertain(said)
        case .some(let code) where Self.aboutRecipient.contains(code): return .refused(said)
        default: throw DaybookError(.tryAgain, "The message was not sent: \(said).")
        }
    }

    private static func firstLine(_ errors: String) -> String {
        let line = errors.split(whereSeparator: \.isNewline).first.map(String.init) ?? "the program ended with an error"
        return String(line.prefix(200))
    }
}
