import Domain
import Postgres
import Schema

/// The books of a month, account by account, as its statements are worked out: what other forms of the same figures are
/// made of.
///
/// A closed month is worked out again from the rows that it was closed with, so that it gives what its statement says.
struct MonthBooks {
    /// One account's month: the finished book, and the rows that its statement lists.
    struct Book {
        /// A row of the month.
        struct Line {
            let posted: StatementBook.Line
            /// When it counts: later than its own instant where its month was closed already.
            let countsAt: Instant
        }

        let subject: StatementAccount
        let clock: LocalClock
        let month: Month
        let statement: StatementBook
        let lines: [Line]

        var slug: String { subject.account.slug }
        var isPrepaid: Bool { subject.account.plan == .prepaid }
    }

    private static let progressInterval = 25

    let request: StatementRequest
    let snapshotAt: Instant
    let library: QueryLibrary
    private let scope: StatementScope
    private let session: Session
    private let catalog: Catalog
    /// Nil where no ledger row was carried forward.
    private let carried: CarriedLedger?

    /// Settles whose month it is, from when to when. Throws what a statement of the month throws.
    init(_ request: StatementRequest, settings: ExportSettings, session: Session) throws {
        self.request = request
        self.session = session
        library = try settings.library()
        catalog = try Catalog(session)
        try catalog.requireEssentials()
        var scope = try StatementScope(
            request, session: session, catalog: catalog, profileFolder: settings.definitionFolder + "/sla")
        try MonthCloses(session: session, catalog: catalog).attach(to: &scope, including: true)
        scope.accounts = scope.accounts.inNaturalOrder(of: \.account.slug)
        carried = try CarriedLedger(session, catalog: catalog, owners: scope.accounts.map(\.account.userID))
        for subject in scope.accounts {
            try CarriedLedger.refuse(
                "The month \(request.month) of \(subject.account.slug)", from: subject.period.start,
                cutoff: carried?.cutoff)
        }
        snapshotAt = scope.snapshotAt
        self.scope = scope
    }

    /// Gives the books one after the other, in the natural order of the slugs.
    func forEach(progress: (String) -> Void, _ body: (Book) throws -> Void) throws {
        progress("reading the ledger")
        let reader = try StatementReader(
            scope: scope, session: session, library: library, catalog: catalog, feeds: StatementReader.Feeds())
        for (index, subject) in scope.accounts.enumerated() {
            try body(try book(of: subject, number: Int64(index + 1), reader: reader))
            if (index + 1) % Self.progressInterval == 0 {
                progress("writing, \(index + 1) of \(scope.accounts.count) accounts")
            }
        }
    }

    private func book(of subject: StatementAccount, number: Int64, reader: StatementReader) throws -> Book {
        let posting = StatementPosting(
            subject: subject, number: number, reader: reader, carried: carried, keepsRows: false)
        var lines: [Book.Line] = []
        var (book, _) = try posting.post { line, late in
            guard let countsAt = late?.end ?? line.entry.postedAt else { return }
            lines.append(Book.Line(posted: line, countsAt: countsAt))
        }
        let holdings = reader.holdings(of: number)
        book.finish(wallet: holdings.wallet, expiredUnbooked: holdings.expiredUnbooked)
        return Book(
            subject: subject, clock: reader.clock(of: subject.account), month: request.month, statement: book,
            lines: lines)
    }
}

extension StatementUsage {
    /// What a model has of one batch, as usage by itself.
    init(_ share: StatementBatch.Share, plan: Account.Plan) {
        self.init(model: share.model, plan: plan)
        add(share)
    }
}
