internal import Codecs
internal import Domain
internal import Foundation
internal import Postgres

/// The rows of one segment on their way back.
struct RestoredRows {
    let segment: ArchiveManifest.Segment
    /// The table that they were taken from.
    let source: String
    let path: String
    let key: [UInt8]?

    private func columns(_ session: Session, _ prefix: String = "") -> String {
        segment.columns.map { prefix + session.quoteIdentifier($0) }.joined(separator: ", ")
    }

    /// Copies them into a table that has their columns.
    func copy(into table: String, _ session: Session) throws {
        let target = TableName.quoted(table.contains(".") ? table : "public." + table, session)
        do {
            let count = try RetentionSession.withLoginPath(session) { try read(into: target, session) }
            try requireWhole(count)
        } catch let error as PostgresError where error.sqlState == .uniqueViolation {
            throw DaybookError.badData(
                "Rows of \(path) are in \(table) already; nothing was put back.")
        }
    }

    private func read(into target: String, _ session: Session) throws -> Int64 {
        let reader = SegmentReader(path: path, key: key)
        return Int64(
            try session.copyIn("COPY \(target) (\(columns(session))) FROM STDIN (FORMAT csv)") { writer in
                try reader.read { try writer.write($0) }
            })
    }

    private func requireWhole(_ count: Int64) throws {
        guard count == segment.rows else {
            throw DaybookError.badData("\(path) holds \(count) rows, not \(segment.rows); nothing was put back.")
        }
    }

    /// Throws `badData` where rows of it are in their table: one without a key would take them twice.
    func refusePresent(_ session: Session) throws {
        try load(session)
        let isSame =
            segment.columns.contains("id")
            ? "t.id = r.id" : "(\(columns(session, "t.")))::text = (\(columns(session, "r.")))::text"
        let found = try session.query(
            """
            SELECT count(*) AS found FROM pg_temp.restored AS r
            WHERE EXISTS (SELECT FROM \(source) AS t WHERE \(isSame))
            """
        )[0].int("found")
        guard found == 0 else {
            throw DaybookError.badData(
                "\(found) of the rows of \(path) are in \(source) already, put back by hand it seems; nothing was put "
                    + "back. Take them out there first, or look at the archive with ",
                .choose(.lookTables).then(" TABLE."))
        }
    }

    /// Fills the columns again that a redaction emptied. What stands in a column stays there: an application wrote it
    /// since, or a later piece of the same archive. Gives the number of rows of which the application kept something,
    /// and the keys of rows that are in their table no more.
    func fill(keys: [String], _ session: Session) throws -> (kept: Int64, missing: [String]) {
        try load(session)
        let content = segment.columns.filter { !keys.contains($0) }.map { session.quoteIdentifier($0) }
        let assignments = content.map { column in
            "\(column) = CASE WHEN \(RedactedColumns.isEmpty("t." + column)) THEN r.\(column) ELSE t.\(column) END"
        }
        let same = keys.map { "t.\($0) = r.\($0)" }.joined(separator: " AND ")
        let name = keys.map { "t.\($0)::text" }.joined(separator: " || ' ' || ")
        let isFilled = content.map { "NOT \(RedactedColumns.isEmpty("t." + $0))" }.joined(separator: " OR ")
        try session.executeScript(
            "CREATE TEMPORARY TABLE IF NOT EXISTS daybook_filled (name text PRIMARY KEY) ON COMMIT DROP")
        let kept = try session.query(
            """
            SELECT count(*) AS kept FROM \(source) AS t JOIN pg_temp.restored AS r ON \(same)
            WHERE (\(isFilled.isEmpty ? "false" : isFilled)) AND NOT EXISTS (
                SELECT FROM pg_temp.daybook_filled AS f WHERE f.name = \(name))
            """)[0].int("kept")
        _ = try session.execute(
            """
            INSERT INTO pg_temp.daybook_filled (name)
            SELECT \(name) FROM pg_temp.restored AS t ON CONFLICT DO NOTHING
            """)
        let count = try RetentionSession.withLoginPath(session) {
            let set = assignments.joined(separator: ", ")
            return try session.execute(
                "UPDATE \(source) AS t SET \(set) FROM pg_temp.restored AS r WHERE \(same)")
        }
        let list = keys.map { "r.\($0)::text" }.joined(separator: " || ' ' || ")
        let missing = try session.query(
            """
            SELECT \(list) AS name FROM pg_temp.restored AS r
            WHERE NOT EXISTS (SELECT FROM \(source) AS t WHERE \(same)) ORDER BY 1
            """
        ).map { try $0.text("name") }
        guard Int64(count + missing.count) == segment.rows else {
            throw DaybookError.badData(
                "\(count) rows of \(source) have the keys of the \(segment.rows) of \(path); nothing was put back. To "
                    + "look at them: ", .choose(.lookTables).then(" TABLE"))
        }
        return (kept, missing)
    }

    /// Copies the rows into a temporary table of their own.
    private func load(_ session: Session) throws {
        try session.executeScript("DROP TABLE IF EXISTS pg_temp.restored")
        let list = columns(session)
        try session.executeScript(
            "CREATE TEMPORARY TABLE restored ON COMMIT DROP AS SELECT \(list) FROM \(source) WITH NO DATA")
        try requireWhole(try read(into: "pg_temp.restored", session))
    }

    /// Takes the rows out of the daily totals by which earlier versions counted what they purged, on the days on which
    /// the run counted them and of the owners that they have today: those totals do not say which run counted what.
    func uncountDays(_ run: Int64, _ session: Session) throws {
        try load(session)
        let query = ClassQuery(.accessLog, try DeploymentShape(session))
        _ = try session.execute(
            """
            WITH back AS (
                SELECT coalesce(\(query.owner), $1::uuid) AS owner,
                    (r.created_at AT TIME ZONE coalesce(c.time_zone, 'UTC'))::date AS day,
                    coalesce(r.action, '') AS action, count(*) AS accesses
                FROM pg_temp.restored AS r \(query.joins)
                LEFT JOIN daybook.purge_cutoff AS c
                    ON c.run_id = $2 AND c.data_class = 'access_log' AND c.user_id = \(query.owner)
                GROUP BY 1, 2, 3
            )
            UPDATE daybook.access_day AS d SET accesses = d.accesses - b.accesses
            FROM back AS b WHERE d.user_id = b.owner AND d.day = b.day AND d.action = b.action
            """, [.uuid(RetentionSession.nobody), .int(run)])
        _ = try session.execute("DELETE FROM daybook.access_day WHERE accesses <= 0")
    }
}

/// Reads a piece of an archive back.
struct SegmentReader {
    private static let chunk = 1 << 18

    let path: String
    let key: [UInt8]?

    /// SHA-256 of the file as it lies there; nil if it cannot be read.
    var sha256: String? {
        guard let file = FileHandle(forReadingAtPath: path) else { return nil }
        defer { try? file.close() }
        let digest = SHA256Digest()
        while let data = try? file.read(upToCount: Self.chunk), !data.isEmpty { digest.update(Array(data)) }
        return digest.finish()
    }

    /// Hands over the CSV piece by piece. Throws `badData` for a file that is not what was written, `configuration`
    /// where a key is missing or is not the right one.
    func read(_ body: ([UInt8]) throws -> Void) throws {
        guard let file = FileHandle(forReadingAtPath: path), let size = try? file.seekToEnd() else {
            throw DaybookError.badData("The archived file \(path) cannot be read.")
        }
        defer { try? file.close() }
        try file.seek(toOffset: 0)
        let head = SegmentWriter.mark.count + AuthenticatedCipher.nonceLength
        let start = Array(try file.read(upToCount: head) ?? Data())
        let isEncrypted = start.starts(with: SegmentWriter.mark)
        var cipher: AuthenticatedCipher?
        var rest = Int(size)
        if isEncrypted {
            guard let key else {
                throw DaybookError.configuration(
                    "\(path) is encrypted; name the file of its key with ", .choose(.archiveKey).then("."))
            }
            cipher = .opening(key: key, nonce: Array(start[SegmentWriter.mark.count...]))
            rest -= head + AuthenticatedCipher.tagLength
        } else {
            try file.seek(toOffset: 0)
        }
        guard rest >= 0 else { throw DaybookError.badData("\(path) is cut short.") }
        let compressor = Compressor.decompressing()
        while rest > 0 {
            guard let data = try file.read(upToCount: min(Self.chunk, rest)), !data.isEmpty else { break }
            rest -= data.count
            let plain = cipher?.update(Array(data)) ?? Array(data)
            // A wrong key gives noise: say so, and not that the file is damaged.
            guard cipher == nil || plain.count < 2 || compressor.hasBegun || plain.starts(with: [0x1F, 0x8B]) else {
                throw DaybookError.configuration("The key does not fit \(path).")
            }
            let csv: [UInt8]
            do {
                csv = try plain.withUnsafeBytes { bytes throws(Compressor.Damage) in try compressor.update(bytes) }
            } catch {
                throw DaybookError.badData("An archived file is damaged: it is not gzip's format.")
            }
            if !csv.isEmpty { try body(csv) }
        }
        if let cipher {
            let tag = Array(try file.read(upToCount: AuthenticatedCipher.tagLength) ?? Data())
            guard tag.count == AuthenticatedCipher.tagLength, cipher.isAuthentic(tag: tag) else {
                throw DaybookError.badData("\(path) was altered, or the key does not fit it.")
            }
        }
        guard compressor.hasEnded else { throw DaybookError.badData("\(path) is cut short.") }
    }
}
