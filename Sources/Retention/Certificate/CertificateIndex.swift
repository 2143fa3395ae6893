internal import Formats
internal import Postgres

/// The parts of certificates that were issued before there were any: the next certificate of kind `index` commits to
/// them.
///
/// Such a certificate keeps its bytes, and its digest covers it as a whole: it cannot be shown without every name in
/// it. What an index adds is the issuer's word for what it says of whom, given when the index was issued.
struct CertificateIndex {
    let parts: [Certificate.Indexed]

    /// Those that no index has yet, in the session's transaction.
    init(_ session: Session) throws {
        let rows = try session.query(
            """
            SELECT c.sequence, c.run_id, c.document, c.sha256 FROM daybook.retention_certificate AS c
            WHERE c.face IS NULL AND c.sequence > coalesce((
                SELECT max(i.sequence) FROM daybook.retention_certificate AS i WHERE i.kind = 'index'), 0)
            ORDER BY c.sequence
            """)
        var parts: [Certificate.Indexed] = []
        let owners = rows.isEmpty ? [:] : try HoldInForce.owners(session)
        for row in rows {
            let certificate = try CanonicalJSON.decode(Certificate.self, from: try row.text("document"))
            for account in try CertificateReader(run: try row.int("run_id"), session: session).accounts() {
                let holds = certificate.holds.filter { hold in
                    hold.scope == .account
                        ? account.account == hold.reference || account.userId == hold.reference
                        : owners[.init(scope: hold.scope, id: hold.reference)] == account.userId
                }
                parts.append(
                    Certificate.Indexed(
                        certificateSha256: try row.text("sha256"), salt: account.salt,
                        part: CertificatePart(certificate, of: account, holds: holds)))
            }
        }
        self.parts = parts
    }

    /// What an index says of an earlier certificate that this does not say; nil where they agree.
    ///
    /// - Parameters:
    ///   - earlier: The certificates without parts, by their numbers, with what headed the chain with them.
    static func fault(_ index: Certificate, earlier: [Int64: (certificate: Certificate, sha256: String)]) -> String? {
        for indexed in index.indexed ?? [] {
            let part = indexed.part
            guard let of = earlier[part.certificate], of.sha256 == indexed.certificateSha256 else {
                return "it divides certificate \(part.certificate), which is another"
            }
            let account = Certificate.Account(
                account: part.account, userId: part.userId, isCovered: part.isCovered, salt: indexed.salt)
            let holds = part.holds.filter { of.certificate.holds.contains($0) }
            guard CertificatePart(of.certificate, of: account, holds: holds) == part else {
                return "what it says of certificate \(part.certificate) is not what that says"
            }
        }
        return nil
    }
}
