internal import Domain
internal import Postgres

/// What verification finds about looks: rows that were purged and live again, and records that are not as certified.
enum LookEvidence {
    /// - Parameter certified: The certificates of looks and of their ends.
    static func verify(_ certified: [Certificate], _ session: Session) throws -> [Verification.Finding] {
        var findings: [Verification.Finding] = []
        let looks = try Look.all(session)
        let now = try session.query("SELECT clock_timestamp() AS now")[0].instant("now")
        for look in looks {
            let subject = "look \(look.id)"
            for table in look.tables {
                guard let what = try finding(table, look, now, session) else { continue }
                findings.append(Verification.Finding(subject: subject, what: what))
            }
            for what in differences(look, certified) {
                findings.append(Verification.Finding(subject: subject, what: what))
            }
        }
        let known = Set(looks.map(\.id))
        for certificate in certified {
            guard let look = certificate.look, !known.contains(look.lookId) else { continue }
            findings.append(
                Verification.Finding(
                    subject: "certificate \(certificate.sequence)",
                    what: "its look \(look.lookId) is not recorded; see what became of "
                        + look.tables.map(\.table).joined(separator: ", ")))
        }
        return findings
    }

    private static func finding(
        _ table: Look.Table, _ look: Look, _ now: Instant, _ session: Session
    ) throws -> String? {
        let made = "\(table.name) (OID \(table.oid))"
        let place = try LookPlace.of(table, of: look, session)
        if look.droppedAt != nil {
            guard case .there(let name) = place else { return nil }
            return "it is certified as ended, and its table is there: \(name), made as \(made)"
        }
        let end = "daybook retention forget-look \(look.id)"
        let time = look.until <= now ? "its time was over at \(look.until)" : "until \(look.until)"
        switch place {
        case .there(let name):
            let now = name == table.name ? made : "\(name), which was \(made) and was renamed or moved by hand"
            return "\(table.rows) rows of \(table.dataClass) of purge \(look.run) live again in \(now), for "
                + "\(look.lookedBy) since \(look.lookedAt), \(time), because: \(look.reason); drop them with: \(end)"
        case .doubtful(let name):
            return "\(name) has the OID of its table \(made), and neither its name nor its mark: see whether it holds "
                + "rows of purge \(look.run), drop it by hand if so, then: \(end)"
        case .gone:
            return "its table \(made) was dropped by hand, and nothing certifies that; do so with: \(end)"
        }
    }

    private static func differences(_ look: Look, _ certified: [Certificate]) -> [String] {
        var open = look.certified
        open.droppedBy = nil
        open.droppedAt = nil
        var found: [String] = []
        if !certified.contains(where: { $0.kind == Self.kind && $0.look == open && $0.run == look.run }) {
            found.append("it is not recorded as it was certified")
        }
        let hasEnd = certified.contains { $0.kind == Self.endKind && $0.look == look.certified }
        if look.droppedAt != nil, !hasEnd { found.append("it is recorded as ended, and no certificate says so") }
        if look.droppedAt == nil, certified.contains(where: { $0.kind == Self.endKind && $0.look?.lookId == look.id }) {
            found.append("it is certified as ended, and recorded as open")
        }
        return found
    }

    /// The kinds of certificates.
    static let kind = "look"
    static let endKind = "look_dropped"
}
