public import Domain
internal import Postgres
internal import Schema

/// What somebody asks to be erased at once.
public struct ErasureRequest: Sendable {
    /// Of what: an account's slug, or the id of a video.
    public enum Scope: Sendable {
        case account(String)
        case video(String)
    }

    public let scope: Scope
    public let reason: String
    public let requestedBy: String

    /// Throws `usage` for an id that is none.
    public init(_ scope: Scope, reason: String, requestedBy: String) throws(DaybookError) {
        if case .video(let id) = scope, id.wholeMatch(of: /[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}/) == nil {
            throw .usage("\"\(id.prefix(80))\" is not the id of a video.")
        }
        (self.scope, self.reason, self.requestedBy) = (scope, reason, requestedBy)
    }
}

/// An erasure: everything of one owner or one video that began before an instant is to go, whatever its policy.
struct Erasure: Sendable, Hashable {
    /// What it is about, by what the tables know it as.
    enum Subject: Sendable, Hashable {
        case owner(String)
        case video(String)
    }

    /// The run that it began with; 0 before there is one.
    var run: Int64
    let subject: Subject
    /// The account's slug as it was then, or the video's id.
    let reference: String
    let reason: String
    let requestedBy: String
    let before: Instant

    var scope: HoldScope {
        switch subject {
        case .owner: .account
        case .video: .video
        }
    }

    /// For sentences: `customer3`, `video 0e7b…`.
    var name: String {
        switch subject {
        case .owner: reference
        case .video: "video \(reference)"
        }
    }

    var owner: String? { if case .owner(let id) = subject { id } else { nil } }
    var video: String? { if case .video(let id) = subject { id } else { nil } }

    /// The classes whose rows say which video they are about.
    static let classesOfVideos: Set<DataClass> = [.accessLog, .taskContent, .videoFiles]

    /// The classes that hold something of it. The request log knows batches and no videos.
    func isAbout(_ dataClass: DataClass) -> Bool {
        switch subject {
        case .owner: dataClass.isCustomers
        case .video: Self.classesOfVideos.contains(dataClass)
        }
    }
}

// MARK: The record

extension Erasure {
    /// Writes down what a run erases.
    func record(run: Int64, _ session: Session) throws {
        try session.execute(
            """
            INSERT INTO daybook.erasure (
                run_id, scope, user_id, video_id, reference, reason, requested_by, erased_before)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
            """,
            [
                .int(run), .text(scope.rawValue), owner.map(Value.uuid) ?? .null, video.map(Value.uuid) ?? .null,
                .text(reference), .text(reason), .text(requestedBy), .instant(before),
            ])
    }

    /// What a run erases; nil for a purge.
    static func of(run: Int64, _ session: Session) throws -> Erasure? {
        try read("e.run_id = $1", [.int(run)], session).first
    }

    /// What is owed to earlier erasures when a run begins: nothing of those that were settled before it.
    ///
    /// - Parameter run: Nil for one that is to begin.
    static func owed(at run: Int64?, _ session: Session) throws -> [Erasure] {
        try read(
            """
            ($1::bigint IS NULL OR e.run_id < $1) AND (e.settled_run IS NULL OR e.settled_run >= $1) AND \(isInForce)
            """, [run.map(Value.int) ?? .null], session)
    }

    /// Those that something is owed to, or all that were not taken back.
    static func inForce(isOwed: Bool, _ session: Session) throws -> [Erasure] {
        try read("\(isInForce)\(isOwed ? " AND e.settled_run IS NULL" : "")", [], session)
    }

    /// One whose archive was put back was taken back with it. Its run has ended: until then it is no debt.
    private static let isInForce = """
        NOT EXISTS (
            SELECT FROM daybook.retention_certificate AS c WHERE c.run_id = e.run_id AND c.kind = 'restore'
        ) AND EXISTS (SELECT FROM daybook.purge_run AS r WHERE r.run_id = e.run_id AND r.state = 'finished')
        """

    private static func read(_ condition: String, _ values: [Value], _ session: Session) throws -> [Erasure] {
        try session.query(
            """
            SELECT e.run_id, e.user_id, e.video_id, e.reference, e.reason, e.requested_by, e.erased_before
            FROM daybook.erasure AS e WHERE \(condition) ORDER BY e.run_id
            """, values
        ).map { row in
            let subject: Subject =
                if let owner = try row.optionalUuid("user_id") {
                    .owner(owner)
                } else {
                    .video(try row.uuid("video_id"))
                }
            return Erasure(
                run: try row.int("run_id"), subject: subject, reference: try row.text("reference"),
                reason: try row.text("reason"), requestedBy: try row.text("requested_by"),
                before: try row.instant("erased_before"))
        }
    }
}

extension ClassQuery {
    /// True for a row that one of some erasures asks for, or whose end was begun, and that nothing but a hold can keep.
    func isAsked(by erasures: [Erasure]) -> String {
        let asked =
            erasures.filter { $0.isAbout(dataClass) }.map { erasure in
                "(\(matches(erasure)) AND \(begun) < '\(erasure.before)'::timestamptz)"
            } + (isBegun == "false" ? [] : ["(\(isBegun))"])
        guard !asked.isEmpty else { return "false" }
        return
            """
            coalesce((\(asked.joined(separator: " OR "))) AND \(instant) IS NOT NULL, false) AND NOT (\(isOpen))
            """
    }

    /// The same of one erasure's rows alone, without those that are open.
    func limited(to erasure: Erasure?) -> ClassQuery {
        guard let erasure else { return self }
        var limited = self
        limited.belongs = "\(belongs) AND coalesce(\(matches(erasure)), false) AND NOT (\(isOpen))"
        return limited
    }

    /// True for a row of an erasure's owner or video.
    private func matches(_ erasure: Erasure) -> String {
        switch erasure.subject {
        case .owner(let id): "\(owner) = '\(id)'::uuid"
        case .video(let id): "\(video) = '\(id)'::uuid"
        }
    }
}

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
        for dataClass in shape.classes where Erasure.classesOfVideos.contains(dataClass) {
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
