import Documents
import Domain

/// The forms of a journal.
public enum JournalForm: String, Sendable, CaseIterable {
    /// A line a leg, for an accounting import.
    case csv
    /// For hledger and for ledger, which read the same file.
    case hledger
    case beancount

    var fileName: String { "journal.\(rawValue)" }
}

/// A booking of one customer as it stands in a file, with the accounts under their names.
struct JournalWriting {
    let accounts: JournalAccounts
    let form: JournalForm
    /// The accounts that were declared.
    private var declared: Set<String> = []

    init(accounts: JournalAccounts, form: JournalForm) {
        self.accounts = accounts
        self.form = form
    }

    static let columns = [
        Column("account", .text), Column("month", .text), Column("date", .text), Column("counts_at", .instant),
        Column("transaction", .identifier), Column("kind", .text), Column("description", .text),
        Column("purpose", .text), Column("gl_account", .text), Column("debit_usd", .decimal),
        Column("credit_usd", .decimal), Column("credits", .integer), Column("model", .text),
        Column("batch_id", .identifier),
    ]

    /// What the file begins with.
    func head(_ month: Month) -> [UInt8] {
        switch form {
        case .csv:
            var bytes = CSVEncoder.byteOrderMark
            CSVEncoder.appendHeader(Self.columns, to: &bytes)
            return bytes
        case .hledger:
            // hledger wants a decimal mark here, and ledger one with digits after it.
            return Array("; Journal of \(month)\n\ncommodity USD\n  format 1000.000000 USD\n".utf8)
        case .beancount:
            // Several months together need each account opened once, and the files do not know of each other.
            return Array("; Journal of \(month)\nplugin \"beancount.plugins.auto_accounts\"\n".utf8)
        }
    }

    /// Appends the bookings of one customer.
    mutating func append(
        _ transactions: [JournalTransaction], of book: MonthBooks.Book, to bytes: inout [UInt8]
    ) throws {
        if form == .hledger { declare(transactions, of: book, to: &bytes) }
        for transaction in transactions {
            switch form {
            case .csv: appendRows(transaction, of: book, to: &bytes)
            case .hledger, .beancount: try appendText(transaction, of: book, to: &bytes)
            }
        }
    }

    private func name(_ leg: JournalTransaction.Leg, _ transaction: JournalTransaction, _ slug: String) -> String {
        accounts.name(leg.purpose, account: slug, model: transaction.model)
    }

    private func appendRows(
        _ transaction: JournalTransaction, of book: MonthBooks.Book, to bytes: inout [UInt8]
    ) {
        for leg in transaction.legs {
            let isDebit = leg.amount > .zero
            let amount = DecimalText(Dollars(micros: abs(leg.amount.micros)).exactText).map(Cell.decimal) ?? .empty
            CSVEncoder.append(
                [
                    .text(book.slug), .text(book.month.description), .text(Self.date(transaction, book)),
                    .instant(transaction.countsAt), .text(transaction.id), .text(transaction.kind.rawValue),
                    .text(transaction.description), .text(leg.purpose.rawValue),
                    .text(name(leg, transaction, book.slug)), isDebit ? amount : .empty, isDebit ? .empty : amount,
                    .integer(transaction.credits), .text(transaction.model), .text(transaction.batch),
                ], to: &bytes)
        }
    }

    private mutating func declare(
        _ transactions: [JournalTransaction], of book: MonthBooks.Book, to bytes: inout [UInt8]
    ) {
        let names = transactions.flatMap { own in own.legs.map { name($0, own, book.slug) } }
        let new = Set(names).subtracting(declared)
        guard !new.isEmpty else { return }
        declared.formUnion(new)
        bytes.append(UInt8(ascii: "\n"))
        for name in new.sorted(by: { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) }) {
            bytes.append(contentsOf: "account \(name)\n".utf8)
        }
    }

    private func appendText(
        _ transaction: JournalTransaction, of book: MonthBooks.Book, to bytes: inout [UInt8]
    ) throws {
        let date = Self.date(transaction, book)
        let words = "\(Self.plain(transaction.description)), \(book.slug)"
        let id = Self.plain(transaction.id)
        bytes.append(
            contentsOf: (form == .hledger
                ? "\n\(date) (\(id)) \(words)\n" : "\n\(date) * \"\(words)\"\n  transaction: \"\(id)\"\n").utf8)
        for leg in transaction.legs {
            let name = name(leg, transaction, book.slug)
            let written = form == .hledger ? name : try JournalAccounts.beancount(name)
            bytes.append(contentsOf: "    \(written)  \(leg.amount.exactText) USD\n".utf8)
        }
    }

    /// The day on the customer's clock: bookkeeping knows days.
    private static func date(_ transaction: JournalTransaction, _ book: MonthBooks.Book) -> String {
        String(book.clock.text(transaction.countsAt).prefix { $0 != "T" })
    }

    /// What means something to a reader is left out of what an application or a person wrote.
    private static func plain(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                text.unicodeScalars.map { scalar in
                    let isPlain =
                        !"\"\\;()|[]{}".unicodeScalars.contains(scalar)
                        && ![.control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse].contains(
                            scalar.properties.generalCategory)
                    return isPlain ? scalar : "-"
                }))
    }
}
