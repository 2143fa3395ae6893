public import Codecs
public import Documents
public import Domain
public import Postgres

/// Ends a look into an archive: drops its tables, records and certifies that.
public struct LookEnd: Sendable {
    /// What was done.
    public struct Outcome: Sendable {
        /// The tables that were dropped.
        public let dropped: [String]
        /// Those that somebody had dropped before, by the names that they were made with.
        public let goneBefore: [String]
        public let files: [String]
    }

    private let look: Int64
    private let issuer: CertificateIssuer

    /// - Parameters:
    ///   - look: Its number.
    ///   - mode: Who may read the certificates.
    public init(
        _ look: Int64, templates: TemplateSet, certificates: String, signingKey: SigningKey? = nil,
        mode: OutputMode = .ownerOnly, programVersion: String, host: String
    ) {
        self.look = look
        issuer = CertificateIssuer(
            folder: certificates, key: signingKey, files: CertificateFiles(templates, mode: mode),
            programVersion: programVersion, host: host)
    }

    /// Drops what is there of its tables, whatever their names are by now, in one transaction with the certificate.
    ///
    /// Throws `usage` where there is no such look, or it has ended; `badData` where a table cannot be told from
    /// somebody else's, or something of the application's stands on it.
    ///
    /// - Parameter tell: Told of certificates whose folder cannot be reached from here.
    public func run(
        _ connection: Connection, tell: @escaping @Sendable (String) -> Void = { _ in }
    ) async throws -> Outcome {
        let connection = try await connection.direct(for: "The end of a look")
        let deed = CertifiedDeed(
            connection: connection, done: "The tables of look \(look) were dropped", undone: "Nothing was dropped.")
        let (places, issued) = try await deed.commit(
            TransactionOptions(lockTimeoutMilliseconds: Limits.purgeStatementMilliseconds)
        ) { session in try end(session) }
        let files = try await deed.publish(issued, by: issuer, of: "The tables of look \(look) are gone", tell: tell)
        return Outcome(dropped: places.dropped, goneBefore: places.goneBefore, files: files)
    }

    private func end(
        _ session: Session
    ) throws -> ((dropped: [String], goneBefore: [String]), CertificateIssuer.Issued?) {
        try RetentionSession.prepare(session)
        try RetentionSession.requireTables(session)
        try Look.requireTable(session)
        try issuer.requirePlace(session)
        guard let open = try Look.find(look, session) else {
            throw DaybookError.usage(
                "There is no look \(look); ", .take(.verifyRetention).then(" names those that are open."))
        }
        if let droppedAt = open.droppedAt {
            throw DaybookError.usage("Look \(look) has ended already, at \(droppedAt).")
        }
        var (dropped, goneBefore): ([String], [String]) = ([], [])
        for table in open.tables {
            switch try LookPlace.of(table, of: open, session) {
            case .there(let name):
                try drop(name, session)
                dropped.append(name)
            case .gone: goneBefore.append(table.name)
            case .doubtful(let name):
                throw DaybookError.badData(
                    "\(name) has the OID of \(table.name), and neither its name nor its mark; nothing was dropped. See "
                        + "whether it holds rows of purge \(open.run), and drop it by hand if so; then run this again.")
            }
        }
        _ = try session.execute(
            """
            UPDATE daybook.retention_look SET dropped_at = clock_timestamp(), dropped_by = session_user
            WHERE look_id = $1
            """, [.int(look)])
        guard let ended = try Look.find(look, session) else {
            throw DaybookError.badData("Look \(look) went away while it was ended; nothing was dropped.")
        }
        let issued = try issuer.issue(.init(kind: .lookDropped, run: ended.run, look: ended.certified), session)
        return ((dropped, goneBefore), issued)
    }

    private func drop(_ name: String, _ session: Session) throws {
        do {
            try session.executeScript("DROP TABLE \(TableName.quoted(name, session))")
        } catch let error as PostgresError where error.sqlState?.rawValue == "2BP01" {
            throw DaybookError(
                .badData,
                "Something else stands on \(name), a view perhaps; nothing was dropped. Drop that first; ",
                .readDebugText, debugText: String(reflecting: error))
        }
    }
}
