import Domain
public import Formats
import Schema

extension ServiceReadings {
    /// What is later than it should be, a sentence each; empty where all is in order.
    public var late: [String] {
        var late: [String] = []
        if let engine {
            let open = engine.models.reduce(0) { $0 + $1.readyCount + $1.handedOver }
            if engine.liveWorkers == 0, open > 0 {
                late.append("No worker is alive, and \(open) items are open: start one.")
            }
            for model in engine.models {
                if model.closedSeconds == .max {
                    late.append("\(model.model): the provider is not asked any more, until its account is in order.")
                } else if model.closedSeconds == nil, model.oldestReadySeconds > Limits.readyLateSeconds {
                    late.append(
                        "\(model.model): the oldest of \(model.readyCount) items that wait has waited for "
                            + "\(Self.duration(model.oldestReadySeconds)).")
                }
                if model.overdue > 0 {
                    late.append("\(model.model): \(model.overdue) items are past their deadline and have not ended.")
                }
            }
            if engine.refundsOverdue > 0 {
                late.append("\(engine.refundsOverdue) batches wait for a refund that should be booked by now.")
            }
            if engine.deliveriesLate > 0 {
                late.append(
                    "\(engine.deliveriesLate) webhooks should have been sent by now: does a server send them?")
            }
        }
        return late
            + probes.compactMap {
                SilentProber(target: $0.target, lastAt: $0.probedAt, now: takenAt)?.sentence
            }
    }

    /// A duration for people, in its largest unit.
    static func duration(_ seconds: Int64) -> String {
        let (count, unit) =
            [(seconds / 86_400, "day"), (seconds / 3_600, "hour"), (seconds / 60, "minute")].first { $0.0 > 1 }
            ?? (seconds, "second")
        return "\(count) \(unit)\(count == 1 ? "" : "s")"
    }

    /// The readings as series.
    public func add(to metrics: inout MetricsText) {
        if let engine { add(engine, to: &metrics) }
        func seconds(_ instant: Instant?) -> [MetricsText.Sample] {
            instant.map { [.init($0.microseconds / 1_000_000)] } ?? []
        }
        metrics.add(
            "daybook_last_purge_timestamp_seconds", .gauge, "When the newest purge ended.", seconds(purgedAt))
        metrics.add(
            "daybook_last_close_timestamp_seconds", .gauge, "When a month was closed last.", seconds(closedAt))
        metrics.add(
            "daybook_last_probe_timestamp_seconds", .gauge, "The newest probe of a target.",
            probes.map { .init(["target": $0.target], $0.probedAt.microseconds / 1_000_000) })
        metrics.add(
            "daybook_late", .gauge, "What is later than it should be, as the status says it in words.",
            [.init(Int64(late.count))])
    }

    private func add(_ engine: Engine, to metrics: inout MetricsText) {
        let ages = ["under_1m", "under_10m", "under_1h", "over_1h"]
        let models = engine.models
        metrics.add(
            "daybook_items_ready", .gauge, "Items that wait to be handed to the provider, by how long they have.",
            models.flatMap { model in
                zip(ages, model.ready).map { .init(["model": model.model, "age": $0], $1) }
            })
        metrics.add(
            "daybook_items_ready_oldest_seconds", .gauge, "How long the oldest of them has waited.",
            models.map { .init(["model": $0.model], $0.oldestReadySeconds) })
        metrics.add(
            "daybook_items_handed_over", .gauge,
            "Items that the provider has, is asked to take, or may have: nobody knows.",
            models.flatMap { model in
                [("submitting", model.submitting), ("accepted", model.accepted), ("unknown", model.unknown)].map {
                    .init(["model": model.model, "state": $0.0], $0.1)
                }
            })
        metrics.add(
            "daybook_items_overdue", .gauge, "Items past their deadline that have not ended.",
            models.map { .init(["model": $0.model], $0.overdue) })
        metrics.add(
            "daybook_items_claim_wait_seconds", .gauge,
            "The longest that one of the items handed over waited before it was.",
            models.map { .init(["model": $0.model], $0.longestWaitSeconds) })
        metrics.add(
            "daybook_gate_closed", .gauge, "1 while the provider is not asked for a model.",
            models.map { .init(["model": $0.model], $0.closedSeconds == nil ? 0 : 1) })
        metrics.add("daybook_workers", .gauge, "Workers that are alive.", [.init(engine.liveWorkers)])
        metrics.add(
            "daybook_credits_frozen", .gauge, "Credits frozen for batches that have not ended, by the batch's age.",
            zip(ages, engine.frozen).map { .init(["age": $0], $1) })
        metrics.add(
            "daybook_refunds_overdue", .gauge, "Batches whose refund should have been booked by now.",
            [.init(engine.refundsOverdue)])
        metrics.add(
            "daybook_webhooks_due", .gauge, "Messages that wait for their turn.", [.init(engine.deliveriesDue)])
        metrics.add(
            "daybook_webhooks_late", .gauge, "Messages whose turn has passed.", [.init(engine.deliveriesLate)])
        metrics.add(
            "daybook_webhooks_last_day", .gauge, "Messages of the last day by what became of them.",
            [.init(["state": "delivered"], engine.delivered), .init(["state": "failed"], engine.givenUp)])
        add(engine.counts, of: models.map(\.model), to: &metrics)
    }

    private func add(_ counts: WorkCounts, of models: [String], to metrics: inout MetricsText) {
        func answers(_ subject: WorkCounts.Subject, _ kinds: [String]) -> [MetricsText.Sample] {
            models.flatMap { model in
                kinds.map { kind in
                    .init(
                        ["call": subject.rawValue, "model": model, "kind": kind], counts[subject, model, kind])
                }
            }
        }
        metrics.add(
            "daybook_provider_answers_total", .counter, "What the provider answered to all workers, by kind.",
            answers(.submission, WorkCounts.submissionKinds) + answers(.status, WorkCounts.statusKinds))
        metrics.add(
            "daybook_callbacks_total", .counter,
            "Ids that callbacks named for items whose answers were lost, by what they turned out to be.",
            Hint.Outcome.allCases.filter { $0 != .heard }.map {
                .init(["outcome": $0.rawValue], counts[.callback, "", $0.rawValue])
            })
        metrics.add(
            "daybook_settle_seconds",
            "From the provider's word that an item has ended to the commit that books it, and settles its batch with "
                + "the last one.",
            models.map { model in
                .init(
                    ["model": model],
                    within: WorkCounts.settlingBounds.map { ($0, counts[.settledWithin, model, String($0)]) },
                    beyond: counts[.settledWithin, model, WorkCounts.beyond],
                    sumMilliseconds: counts[.settlingMilliseconds, model, ""])
            })
    }
}
