import Documents
import Domain
import Schema

/// Lays the figures of an SLA report out as its tables, with the columns of the contract.
struct SLATables {
    /// The tables of a report by what they are.
    struct Made {
        let promises: Table
        /// What was counted, figure by figure.
        let counted: [Table]
        var exceptions: Table
        let trend: Table

        /// Those that people are shown as tables, in their order: of the trend they see charts and grids.
        var shown: [Table] { [promises] + counted + [exceptions] }
        /// Every table but the drill-down and the provenance, in the order of the report.
        var all: [Table] { shown + [trend] }
    }

    let scope: SLAScope
    let figures: SLAFigures

    func make(_ summary: SLASummary) -> Made {
        var counted = [summary.budgetTable, availability()] + within()
        counted += [
            completion(figures.completions), refunds(), refundExceptions(), refundRates(), idempotency(), credits(),
        ]
        return Made(
            promises: summary.table, counted: counted.map(\.sorted), exceptions: exceptions().sorted,
            trend: trend().sorted)
    }

    /// The tables of the page: a model has the one row there by which it is judged, and the API stands beside its
    /// prober.
    func onPage(_ made: Made) -> [Table] {
        made.shown.map { table in
            if let within = withinSideBySide(), table.name == within.name { return within }
            guard table.name == "completion" else { return table }
            var own = completion(figures.completions.filter { $0.figure.clock == contract(of: $0).clock })
            own.sortRows()
            return own
        }
    }

    private func contract(of counted: SLAFigures.Of<CompletionFigure>) -> ContractProfile {
        counted.account == nil ? scope.widestProfile : scope.profile(ofAccount: counted.account)
    }

    /// The valid tasks of an account under the targets of the months that judge them, its own month's last; nil where
    /// that one judges all of them.
    ///
    /// Everybody's month has hours in it that are of an account's neighbouring months, by whose terms they are judged.
    private func versions(of counted: SLAFigures.Of<CompletionFigure>) -> [Budget.Share]? {
        guard scope.onlyAccount == nil, let account = counted.account, account > 0 else { return nil }
        let (own, figure) = (scope.ownContracts[Int(account) - 1], counted.figure)
        guard let target = figure.target(own.profile) else { return nil }
        let others = figure.validByContract.filter { scope.contracts[$0.key].sha256 != own.sha256 }
        guard !others.isEmpty else { return nil }
        // A model that the neighbouring month promises nothing of is taken as it is now.
        let shares = others.sorted { $0.key < $1.key }.map { place, count in
            Budget.Share(count, target: figure.target(scope.contracts[place].profile) ?? target)
        }
        return shares + [Budget.Share(figure.valid - others.values.reduce(0, +), target: target)]
    }

    /// Every promise for everybody, and by account.
    func promiseList() -> [Promise] {
        let progress = scope.progress
        var promises = figures.availability.map { figure in
            Promise(
                .availability, account: "", subject: figure.component, target: scope.widestProfile.availabilityTarget,
                attainment: figure.attainment, verdict: figure.verdict(scope.widestProfile),
                budget: figure.budget(scope.widestProfile, progress))
        }
        promises += figures.completions.compactMap { counted in
            let contract = scope.profile(ofAccount: counted.account)
            guard counted.figure.clock == contract.clock else { return nil }
            return Promise(
                .completion, account: scope.accountText(counted.account), subject: counted.figure.model,
                target: counted.figure.target(contract), attainment: counted.figure.attainment,
                verdict: counted.figure.verdict(contract, under: versions(of: counted)),
                budget: counted.figure.budget(contract, under: versions(of: counted), progress))
        }
        promises += figures.batches.flatMap { counted in
            counted.figure.promises(account: scope.accountText(counted.account), progress)
        }
        promises += figures.idempotency.map { counted in
            Promise(
                .idempotency, account: scope.accountText(counted.account), target: .hundred,
                attainment: counted.figure.attainment, verdict: counted.figure.verdict,
                budget: counted.figure.budget(progress))
        }
        return promises
    }

    /// A verdict as people read it: one that may still change has beside it how it stands.
    func verdict(_ verdict: Verdict, _ budget: Budget) -> Cell {
        SLASummary.verdict(verdict, budget, isFinal: scope.isFinal)
    }

    private func availability() -> Table {
        Table(
            name: "availability", title: "Availability",
            note:
                "Minutes of each probed component. Attained is (total − counted) / total; the worst case counts "
                + "every unmonitored minute as down. Attained is empty where too few were monitored.",
            columns: ["total", "monitored", "down", "excluded", "counted"].reduce(into: [Column("component", .text)]) {
                $0.append(Column("\($1)_minutes", .integer))
            } + [
                Column("attained", .percent, title: "Attained %"),
                Column("worst_case", .percent, title: "Worst case %"),
                Column("verdict", .text, width: 17),
            ],
            rows: figures.availability.map { figure in
                [
                    .text(figure.component), .integer(figure.total), .integer(figure.monitored), .integer(figure.down),
                    .integer(figure.excluded), .integer(figure.counted),
                    .optional(figure.attained(scope.widestProfile)),
                    .optional(figure.worstCase.percent),
                    verdict(figure.verdict(scope.widestProfile), figure.budget(scope.widestProfile, scope.progress)),
                ]
            })
    }

    private func completion(_ figures: [SLAFigures.Of<CompletionFigure>]) -> Table {
        let counts = [
            "valid", "good", "late", "failed", "timed_out", "cancelled_late", "in_flight_over", "excluded",
            "undetermined",
        ]
        return Table(
            name: "completion", title: "Completion",
            note: "Tasks by what became of them. Percentiles are nearest-rank over the valid tasks; one that never "
                + "succeeded counts as infinite, and a percentile among them is never reached. Finite is the share "
                + "that succeeded.",
            columns: [Column("account", .text), Column("model", .text), Column("clock", .text)]
                + counts.map { Column($0, .integer) }
                + [Column("attained", .percent, title: "Attained %"), Column("verdict", .text, width: 17)]
                + [Column("finite_percent", .percent, title: "Finite %")]
                + ["p50", "p90", "p95", "p99", "max"].map { Column("\($0)_seconds", .seconds, title: "\($0) seconds") },
            rows: figures.map { counted in
                let figure = counted.figure
                let contract = scope.profile(ofAccount: counted.account)
                let versions = versions(of: counted)
                let numbers = [
                    figure.valid, figure.good, figure.late, figure.failed, figure.timedOut, figure.cancelledLate,
                    figure.inFlightOver, figure.excluded, figure.undetermined,
                ]
                return [.text(scope.accountText(counted.account)), .text(figure.model), .text(figure.clock.rawValue)]
                    + numbers.map(Cell.integer)
                    + [.optional(figure.attainment.percent)]
                    + [
                        verdict(
                            figure.verdict(contract, under: versions),
                            figure.budget(contract, under: versions, scope.progress))
                    ]
                    + [.optional(figure.finite.percent)]
                    + percentiles(figure)
            })
    }

    private func percentiles(_ figure: CompletionFigure) -> [Cell] {
        guard !figure.percentiles.isEmpty else { return [Cell](repeating: .empty, count: 5) }
        return figure.percentiles.map { percentile in
            switch percentile {
            case .microseconds(let microseconds): .duration(microseconds: microseconds)
            case .infinite: .infinite
            }
        }
    }

    private func idempotency() -> Table {
        // The first row is the widest view that the report has: everybody, or its one account.
        let figure = figures.idempotency.first?.figure
        return Table(
            name: "idempotency", title: "Idempotency",
            note:
                "A key is (owner, request_id). A violation is a key with two batches, or a batch frozen for more "
                + "than once.",
            columns: [
                Column("keys_seen", .integer), Column("keys_replayed", .integer), Column("violations", .integer),
                Column("verdict", .text, width: 17),
            ],
            rows: figure.map { figure in
                [
                    [
                        .integer(figure.keysSeen), .optional(figure.keysReplayed), .integer(figure.violations),
                        verdict(figure.verdict, figure.budget(scope.progress)),
                    ]
                ]
            } ?? [])
    }

    private func exceptions() -> Table {
        Table(
            name: "exceptions", title: "Exceptions",
            note: "Every row of data that the definitions had to set aside or estimate. Nothing is dropped in silence.",
            columns: [
                Column("kind", .text, width: 27), Column("account", .text), Column("reference", .identifier, width: 38),
                Column("detail", .text, width: 80),
            ],
            rows: figures.exceptions.map { exception in
                [
                    .text(exception.kind), .text(exception.account.map { scope.accountText($0) } ?? ""),
                    .optional(exception.reference), .text(exception.detail),
                ]
            })
    }
}

extension Table {
    /// The same with its rows in order.
    fileprivate var sorted: Table {
        var table = self
        table.sortRows()
        return table
    }
}
