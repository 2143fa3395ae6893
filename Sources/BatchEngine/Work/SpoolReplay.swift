import Domain
import Logging
import Postgres

/// Takes what dead processes left behind into the database, some answers a transaction.
///
/// A file goes once the database has all of it. What is not ours or not readable is never deleted: its file is set
/// aside, with a line of the log that names it, or stays for the database that it belongs to.
struct SpoolReplay: Sendable {
    /// Runs one transaction.
    typealias Write = @Sendable (@escaping @Sendable (WorkQueue) throws -> Taken) async throws -> Taken

    /// What one transaction found.
    struct Taken: Sendable {
        /// Answers that were news.
        var news = 0
        /// Answers of the version before that our database knows nothing of.
        var unclaimed = 0
    }

    let spool: AnswerSpool
    let logger: Logger
    let write: Write

    /// One look at everything that is there.
    func run() async throws {
        for name in spool.abandonedNames() {
            try Task.checkCancellation()
            guard let file = spool.abandoned(name) else { continue }
            try await replay(file)
        }
    }

    private func replay(_ file: AbandonedSpool) async throws {
        var news = 0
        do {
            while true {
                let items = try file.next(Limits.spoolTransactionAnswers, for: spool.database)
                guard !items.isEmpty else { break }
                news += try await take(items, of: file)
            }
        } catch let error as DaybookError {
            logger.error(
                "a dead worker's answers cannot be read, and stay",
                metadata: ["spool.file": "\(file.path)", "spool.cause": "\(error)"])
            return spool.leave(file)
        }
        if news > 0 {
            logger.notice("answers of a dead worker were found", metadata: ["spool.answers": "\(news)"])
        }
        settle(file)
    }

    /// The file is read to its end, and the database has what was for it.
    private func settle(_ file: AbandonedSpool) {
        if file.unclaimed > 0 {
            // A worker of the version before wrote it, on whichever database: whoever has the submissions takes it.
            logger.warning(
                "answers of an earlier version are not this database's, and stay for another's worker",
                metadata: [
                    "spool.file": "\(file.path)", "spool.answers": "\(file.unclaimed)", "spool.lines": "\(file.kept)",
                ])
            spool.leave(file)
        } else if file.kept.count == 0 {
            file.remove()
        } else if let aside = file.setAside() {
            logger.error(
                "a file with lines that could not be taken was set aside; what could be taken was",
                metadata: ["spool.file": "\(aside)", "spool.lines": "\(file.kept)"])
        } else {
            logger.error(
                "a file with lines that could not be taken cannot be set aside, and stays; what could be taken was",
                metadata: ["spool.file": "\(file.path)", "spool.lines": "\(file.kept)"])
            spool.leave(file)
        }
    }

    /// Takes answers in one transaction; where one of them is refused for what it says, each in its own.
    private func take(_ items: [AbandonedSpool.Item], of file: AbandonedSpool) async throws -> Int {
        do {
            let taken = try await write { try Self.record(items, $0) }
            file.notClaimed(taken.unclaimed)
            return taken.news
        } catch let error as PostgresError where error.isAboutValues {
            guard items.count > 1 else {
                file.refused(items[0].number)
                logger.debug("a spooled answer is refused", metadata: ["spool.cause": "\(error)"])
                return 0
            }
            var news = 0
            for item in items { news += try await take([item], of: file) }
            return news
        }
    }

    private static func record(_ items: [AbandonedSpool.Item], _ queue: WorkQueue) throws -> Taken {
        var taken = Taken()
        let known = try queue.knownNonces(items.filter { !$0.isOurs }.map(\.answer))
        for item in items {
            let answer = item.answer
            guard item.isOurs || known.contains(answer.nonce) else {
                taken.unclaimed += 1
                continue
            }
            let isNews = try queue.accept(answer.userID, answer.nonce, as: answer.providerTaskID, by: nil)
            if isNews { taken.news += 1 }
        }
        return taken
    }
}

extension PostgresError {
    /// True where the server refuses a statement for the values in it, so that the same will be refused again: data
    /// exceptions, broken constraints, limits of an index entry, and what a function raises.
    fileprivate var isAboutValues: Bool {
        code == .server && ["22", "23", "54", "P0"].contains(sqlState?.category)
    }
}

extension WorkQueue {
    /// The nonces of those submissions that this database has.
    func knownNonces(_ answers: [AnswerSpool.Answer]) throws -> Set<[UInt8]> {
        guard !answers.isEmpty else { return [] }
        let known = try rows(
            """
            SELECT s.nonce FROM unnest($1::uuid[], $2::bytea[]) AS c (user_id, nonce)
            JOIN daybook.submission AS s ON s.user_id = c.user_id AND s.nonce = c.nonce
            """,
            [.uuids(answers.map(\.userID)), .array(answers.map { .bytes($0.nonce) }, of: .bytea)])
        return Set(try known.compactMap { try $0.optionalBytes("nonce") })
    }
}
