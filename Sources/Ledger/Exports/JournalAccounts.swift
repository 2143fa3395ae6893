import Documents
import Domain

/// What the accounts of the general ledger are called, by what is booked on them.
///
/// Read from a file with the columns `purpose` and `account`. `{account}` in a name stands for the customer's slug,
/// `{model}` for the model.
public struct JournalAccounts: Sendable {
    /// What is booked on an account.
    public enum Purpose: String, Sendable, CaseIterable {
        /// What customers owe, or have paid, for the credits that they bought.
        case receivable
        /// Purchased credits that are not spent, at what they cost, first in, first out.
        case deferredRevenue = "deferred_revenue"
        /// The same of credits that batches hold until they are settled.
        case frozenCredits = "frozen_credits"
        /// Delivered videos.
        case revenue
        /// Delivered on pay as you go, to be invoiced.
        case unbilled
        /// What customers on pay as you go paid in advance.
        case deposits
        /// Purchased credits that somebody took out by hand, or that expired.
        case adjustments
        /// Charges and refunds of batches that the customer does not have.
        case unreconciled
        /// The other side of the balances with which a journal begins.
        case opening
    }

    /// The names where nobody chose others: they suit every form.
    public static let standard = JournalAccounts(names: [
        .receivable: "Assets:Receivable:{account}",
        .deferredRevenue: "Liabilities:DeferredRevenue:{account}",
        .frozenCredits: "Liabilities:FrozenCredits:{account}",
        .revenue: "Income:Videos:{model}",
        .unbilled: "Assets:Unbilled:{account}",
        .deposits: "Liabilities:Deposits:{account}",
        .adjustments: "Income:CreditAdjustments",
        .unreconciled: "Assets:Unreconciled:{account}",
        .opening: "Equity:OpeningBalances",
    ])

    private let names: [Purpose: String]

    private init(names: [Purpose: String]) {
        self.names = names
    }

    /// Reads a mapping file. Throws `badData` with what is wrong in it.
    public init(_ content: [UInt8]) throws {
        let file = try CSVFile(content)
        guard file.columns == ["purpose", "account"] else {
            throw DaybookError.badData(
                "The mapping of accounts begins with the line purpose,account", .makeJournalAccounts)
        }
        var names: [Purpose: String] = [:]
        for (index, record) in file.records.enumerated() {
            func refuse(_ what: String) -> DaybookError {
                .badData("Row \(index + 1) of the mapping of accounts is refused: \(what).")
            }
            guard record.isWhole, let word = record["purpose"], let name = record["account"] else {
                throw refuse("it has not two fields")
            }
            guard let purpose = Purpose(rawValue: word) else {
                throw refuse("there is no purpose \(word.prefix(40).debugDescription)")
            }
            guard names[purpose] == nil else { throw refuse("\(word) is named twice") }
            guard Self.isName(name) else {
                throw refuse(
                    "\(name.prefix(80).debugDescription) is no name of an account: 1 to "
                        + "\(Limits.journalAccountLength) printed characters, no semicolon, no two blanks in a row"
                )
            }
            names[purpose] = name
        }
        let missing = Purpose.allCases.filter { names[$0] == nil }.map(\.rawValue)
        guard missing.isEmpty else {
            throw DaybookError.badData(
                "The mapping of accounts has no row for \(missing.joined(separator: ", "))", .makeJournalAccounts)
        }
        self.names = names
    }

    /// The mapping as a file, to begin with.
    public var file: [UInt8] {
        let table = Table(
            name: "accounts", title: "", note: "", columns: [Column("purpose", .text), Column("account", .text)],
            rows: Purpose.allCases.map { [.text($0.rawValue), .text(names[$0] ?? "")] })
        return CSVEncoder.encode(table)
    }

    /// The name of an account for a customer and a model.
    func name(_ purpose: Purpose, account: String, model: String) -> String {
        (names[purpose] ?? "").replacing("{account}", with: account)
            .replacing("{model}", with: Self.component(model))
    }

    /// A model as a part of a name: letters, digits, hyphens and points, since an application may call it anything.
    private static func component(_ model: String) -> String {
        let kept = model.unicodeScalars.map { scalar in
            scalar.isASCII && (scalar.properties.isAlphabetic || scalar.properties.numericType != nil)
                || scalar == "." || scalar == "-" ? Character(scalar) : "-"
        }
        return kept.isEmpty ? "unknown" : String(kept)
    }

    /// What every form can hold on a line of its own.
    private static func isName(_ name: String) -> Bool {
        (1...Limits.journalAccountLength).contains(name.count) && !name.contains(";") && !name.contains("  ")
            && !name.hasPrefix(" ") && !name.hasSuffix(" ") && !"([*!".contains(name.prefix(1))
            && name.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control && $0 != "\u{FEFF}" }
    }
}

extension JournalAccounts {
    /// A name as beancount takes it: each part with a capital, of letters, digits and hyphens. Throws `badData` for one
    /// that does not begin with one of its five roots.
    static func beancount(_ name: String) throws(DaybookError) -> String {
        let parts = name.split(separator: ":", omittingEmptySubsequences: false).map { part in
            let kept = part.unicodeScalars.map { scalar in
                scalar.isASCII && (scalar.properties.isAlphabetic || scalar.properties.numericType != nil)
                    ? Character(scalar) : "-"
            }
            return String(kept.prefix(1)).uppercased() + String(kept.dropFirst())
        }
        guard parts.count > 1, Self.roots.contains(parts[0]),
            parts.allSatisfy({ !$0.isEmpty && !$0.hasPrefix("-") })
        else {
            throw .badData(
                "\(name.debugDescription) is no account of beancount: there they begin with "
                    + "\(Self.roots.joined(separator: ", ")), have a colon between their parts, and each part begins "
                    + "with a letter or a digit.")
        }
        return parts.joined(separator: ":")
    }

    private static let roots = ["Assets", "Liabilities", "Equity", "Income", "Expenses"]
}
