package import Domain
import Foundation
package import Postgres

/// Which version of which contract profile judges which month of whom.
///
/// A version counts for every month that was not over when it was imported, and the first one for all months before
/// it: a month that is over is judged by the version that it was over under.
package struct Contracts {
    /// A contract profile with the digest of its document.
    package struct Contract: Sendable {
        package let profile: ContractProfile
        package let sha256: String

        package init(document: String) throws {
            profile = try ContractProfile(json: Array(document.utf8))
            sha256 = Books.digest(document)
        }
    }

    /// Which contract judges the rows of an owner in a stretch of time.
    package struct Stretch: Sendable {
        package let userID: String
        package let from: Instant
        package let until: Instant
        package let contract: Contract
    }

    /// By the name of the profile: its versions, the lowest first, with the instant from which each counts.
    private let versions: [String: [(importedAt: Instant, contract: Contract)]]

    /// Reads every version. The shipped profile is the first version of the standard one where the database has none
    /// that is as old.
    package init(_ books: Books, shippedProfile: [UInt8]) throws {
        var versions = try Dictionary(grouping: books.profiles(), by: \.name).mapValues { rows in
            try rows.map { (importedAt: $0.importedAt, contract: try Contract(document: $0.document)) }
        }
        let shipped = try Contract(document: String(decoding: shippedProfile, as: UTF8.self))
        let known = versions["standard"] ?? []
        if known.allSatisfy({ $0.contract.profile.version > shipped.profile.version }) {
            versions["standard"] = [(.distantPast, shipped)] + known
        }
        self.versions = versions
    }

    /// Reads every version, the shipped profile from the folder of the installed report definitions.
    package init(_ books: Books, definitionFolder: String) throws {
        let path = definitionFolder + "/sla/standard-profile.json"
        guard let shipped = FileManager.default.contents(atPath: path) else {
            throw DaybookError.configuration("\(path) is missing; reinstall the reports.")
        }
        try self.init(books, shippedProfile: Array(shipped))
    }

    /// The version of a profile that a month was, or will be, over under. Throws `badData` without that profile.
    package func contract(_ name: String, monthEnd: Instant) throws(DaybookError) -> Contract {
        guard let known = versions[name], let first = known.min(by: { $0.importedAt < $1.importedAt }) else {
            throw .badData(
                "An account names the contract profile \"\(name)\", which is not there", .importProfile)
        }
        return (known.last { $0.importedAt < monthEnd } ?? first).contract
    }

    /// The contract of each account in its own month.
    package func contracts(of accounts: [Account], periods: [Period]) throws(DaybookError) -> [Contract] {
        var contracts: [Contract] = []
        for (account, period) in zip(accounts, periods) {
            contracts.append(try contract(account.profileName, monthEnd: period.end))
        }
        return contracts
    }

    /// The contracts of all months of each account, without a gap from the beginning to the end of time.
    package func stretches(of accounts: [Account], session: Session) throws -> [Stretch] {
        // A month in which something may change begins a stretch; most accounts have none.
        let changes = accounts.map { (account: $0, months: monthsOfChange(of: $0)) }
        let months = changes.flatMap { account, months in
            months.isEmpty ? [] : ([months[0].adding(months: -1)].compactMap { $0 } + months).map { ($0, account) }
        }
        var periods = try LocalMonths(session).periods(of: months)[...]
        return try changes.flatMap { account, months in
            let judged = months.isEmpty ? [] : [months[0].adding(months: -1)].compactMap { $0 } + months
            let own = periods.prefix(judged.count)
            periods = periods.dropFirst(judged.count)
            var stretches: [(from: Instant, contract: Contract)] = []
            for (month, period) in zip(judged, own) {
                let contract = try contract(account.under(month).profileName, monthEnd: period.end)
                guard contract.sha256 != stretches.last?.contract.sha256 else { continue }
                stretches.append((stretches.isEmpty ? .distantPast : period.start, contract))
            }
            if stretches.isEmpty {
                stretches = [(.distantPast, try contract(account.profileName, monthEnd: .distantFuture))]
            }
            return stretches.indices.map { index in
                Stretch(
                    userID: account.userID, from: stretches[index].from,
                    until: index + 1 < stretches.count ? stretches[index + 1].from : .distantFuture,
                    contract: stretches[index].contract)
            }
        }
    }

    /// The values by which `named_task` knows what a task without a model is, now being an instant.
    ///
    /// Only what differs from the standard profile's is told: the query looks through it for every such task.
    package func modelParameters(of accounts: [Account], now: Instant, session: Session) throws -> [String: Value] {
        let standard = try contract("standard", monthEnd: now).profile.defaultModel
        let areEqual = versions.values.joined().allSatisfy { $0.contract.profile.defaultModel == standard }
        let others =
            try areEqual
            ? []
            : stretches(of: accounts, session: session).filter {
                $0.contract.profile.defaultModel != standard
            }
        return [
            "default_model": .text(standard), "model_owners": .texts(others.map(\.userID)),
            "model_from": .instants(others.map(\.from)), "model_until": .instants(others.map(\.until)),
            "default_models": .texts(others.map(\.contract.profile.defaultModel)),
        ]
    }

    /// The months in which terms begin, and those around the import of a version of their profiles: which of them is
    /// the first that was not over then depends on the zone.
    private func monthsOfChange(of account: Account) -> [Month] {
        let begun = account.history.compactMap(\.firstMonth)
        let imported = Set(account.history.map(\.profileName)).flatMap { name in
            (versions[name] ?? []).filter { versions[name]?.count ?? 0 > 1 && $0.importedAt.isFinite }.compactMap {
                Month(String($0.importedAt.description.prefix(7)))
            }
        }
        let around = imported.flatMap { month in (-1...1).compactMap { month.adding(months: $0) } }
        return Set(begun + around).sorted()
    }
}
