internal import Domain
internal import Postgres
internal import Schema

extension Terms {
    /// The terms of an erasure: everything before this moment, of one account or of the owners of one video.
    ///
    /// Throws `usage` for an account or a video that nothing is known of.
    init(_ session: Session, asOf: CalendarDate, erasing request: ErasureRequest, _ shape: DeploymentShape) throws {
        let now = try session.query("SELECT transaction_timestamp() AS now")[0].instant("now")
        let subject: Erasure.Subject
        let reference: String
        var terms: [Term]
        let account: String?
        switch request.scope {
        case .account(let slug):
            terms = try Terms(session, asOf: asOf, account: slug).all
            (subject, reference, account) = (.owner(terms[0].userID), slug, slug)
        case .video(let text):
            let id = text.lowercased()
            let owners = try Self.owners(of: id, shape, session)
            terms = try Terms(session, asOf: asOf, account: nil).all.filter { owners.contains($0.userID) }
            (subject, reference, account) = (.video(id), id, nil)
        }
        let erasure = Erasure(
            run: 0, subject: subject, reference: reference, reason: request.reason,
            requestedBy: request.requestedBy, before: now)
        terms = terms.filter { erasure.isAbout($0.dataClass) }
        self.init(
            asOf: asOf, account: account,
            all: terms.map { term in
                Term(
                    userID: term.userID, slug: term.slug, timeZone: term.timeZone, dataClass: term.dataClass,
                    retentionDays: 0, cutoff: now)
            }, policyDigest: try Self.policyDigest(session), erasure: erasure)
    }

    /// Everybody who has something of a video, and nobody: the task may be gone, and the access says no owner.
    private static func owners(of video: String, _ shape: DeploymentShape, _ session: Session) throws -> Set<String> {
        var owners: Set<String> = []
        var isKnown = try session.query(
            "SELECT EXISTS (SELECT FROM daybook.erasure AS e WHERE e.video_id = $1) AS known", [.uuid(video)])[0]
            .bool("known")
        for dataClass in shape.classes where dataClass == .accessLog || dataClass == .taskContent {
            let query = ClassQuery(dataClass, shape)
            let rows = try session.query(
                """
                SELECT DISTINCT \(query.owner) AS owner FROM \(DeploymentShape.table(dataClass).fullName) AS r
                \(query.joins) WHERE \(query.video) = $1::uuid
                """, [.uuid(video)])
            isKnown = isKnown || !rows.isEmpty
            owners.formUnion(try rows.compactMap { try $0.optionalUuid("owner") })
        }
        guard isKnown else {
            throw DaybookError.usage("There is no task and no access of the video \(video); nothing was erased.")
        }
        return owners.union([RetentionSession.nobody])
    }

    /// The same once the run that they are for has its number.
    func recorded(as run: Int64) -> Terms {
        var recorded = erasure
        recorded?.run = run
        return Terms(
            asOf: asOf, account: account, all: all, policyDigest: policyDigest, erasure: recorded, owed: owed)
    }

    /// True where everybody's rows are looked at, and so whole months can be due.
    var isOfEverybody: Bool { account == nil && erasure == nil }

    /// The classes that a run under these terms is about.
    func classes(_ shape: DeploymentShape) -> [DataClass] {
        shape.classes.filter { dataClass in
            erasure.map { $0.isAbout(dataClass) } ?? (account == nil || dataClass.isCustomers)
        }
    }
}
