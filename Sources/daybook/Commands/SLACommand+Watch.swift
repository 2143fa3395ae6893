import ArgumentParser
import Documents
import Domain
import Foundation
import Postgres
import Reporting

/// `daybook report sla --watch`
extension SLACommand {
    func checkWatch() throws {
        guard watch || tell == nil else { throw ValidationError("--tell sends what --watch finds: name both.") }
        guard watch else { return }
        let flags = [
            ("--all", all), ("--email", mail.email), ("--record", record), ("--recount", recount), ("--sql", sql),
            ("--strict", strict),
        ]
        if let other = flags.first(where: \.1)?.0 {
            throw ValidationError("--watch writes and sends no report: leave out \(other).")
        }
        if let tell, !MailMessage.isAddress(tell) {
            throw ValidationError("--tell takes a mail address, as ops@example.org, and not \(tell).")
        }
        if tell != nil { _ = try mail.sender() }
    }

    /// Says which promises turned since the last look. What was found is remembered once it is told.
    func watch(_ sla: SLAReport, of month: Month, _ source: ConnectionSettings) async throws {
        let outcome = try await reader.withConnections(database, source, records: false) { reading, _ in
            try await sla.glance(reading)
        }
        SilentProbers.say([outcome])
        let name = "sla-watch-" + (account.map { "\($0)-" } ?? "") + "\(month).json"
        let path = report.output + "/" + name
        let found = try Self.found(outcome.summary, month, path)
        for turn in found.watch.turns { Terminal.show(turn.sentence) }
        if found.watch.turns.isEmpty { Terminal.show("No promise of \(month) turned since the last look.") }
        if let tell, !found.watch.turns.isEmpty {
            try await send(found.watch, of: month, outcome.summary, to: tell)
        }
        if found.watch.memory != found.remembered {
            let staging = try StagingFolder(output: report.output, mode: report.permissions.mode)
            let sink = try staging.sink(name)
            try sink.write(found.watch.memory)
            _ = try sink.finish()
            try staging.publish(name)
        }
        guard found.watch.troubled == 0 else { throw ExitCode(FailureKind.breachExitCode) }
    }

    private static func found(
        _ summary: SLASummary, _ month: Month, _ path: String
    ) throws -> (watch: PromiseWatch, remembered: [UInt8]?) {
        let remembered: [UInt8]?
        do {
            remembered = try PlainFile.read(path)
        } catch {
            throw DaybookError.badData("\(path) \(error.sentence).")
        }
        return (try PromiseWatch(summary, month: month, remembered: remembered, path: path), remembered)
    }

    private func send(
        _ watch: PromiseWatch, of month: Month, _ summary: SLASummary, to recipient: String
    ) async throws {
        let (sender, now) = (try mail.sender(), Int64(Date().timeIntervalSince1970))
        let count = watch.turns.count
        let message = MailMessage(
            from: sender, to: recipient,
            subject: "Service levels of \(month.title): \(count) \(count == 1 ? "promise" : "promises") turned",
            body: (["Since the last look:", ""] + watch.turns.map { "  " + $0.sentence }
                + [
                    "", summary.sentence, "",
                    "The report: daybook report sla --month \(month)"
                        + (account.map { " --account \($0)" } ?? ""), "",
                ]).joined(separator: "\n"),
            date: Instant(microseconds: now * 1_000_000))
        let name = "sla-watch-\(month)-\(now).eml"
        switch try await mail.channel.channel(output: report.output, mode: report.permissions.mode)
            .hand(message.bytes(), from: sender, to: [recipient], name: name)
        {
        case .handedOver: Terminal.show("\(recipient): handed over")
        case .refused(let why):
            throw DaybookError(
                .failed, "The message to \(recipient) was not sent: \(why); the next look tells it again.")
        case .uncertain(let why):
            throw DaybookError(
                .failed, "The message to \(recipient) may have gone out: \(why); the next look tells it again.")
        }
    }
}
