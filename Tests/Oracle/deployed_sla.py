"""The SLA report of a deployment for deployed.py: every item by the terms of its owner's own month.

In a deployment nothing knows when a task was dispatched: both clocks start when it was created. Where the definitions are silent:

 1. `charge_differs`, `delivered_unpaid` and `freeze_short` are listed for the month's batches, one of them a batch.
 2. A batch has left `queued` if its status says so now.
 3. A webhook whose status is null is unknown, and neither good nor valid.
"""

import math
from collections import defaultdict
from fractions import Fraction

from deployed_books import Owner
from oracle import (
    BREACH, CLOCKS, DAY, INSUFFICIENT, MINUTE, NO_ACCOUNT, NOT_APPLICABLE, PASS, Component, Span, budget_cells, dollars_text,
    four_decimals, instant_text, items_state, minutes_state, number, percent_text, ratio_verdict, seconds_text, target_text, write_table,
)

BAD = ("late", "failed", "timed_out", "in_flight_over")
COLUMNS = {
    "completion": "account model clock valid good late failed timed_out cancelled_late in_flight_over excluded undetermined attained "
    "verdict finite_percent p50_seconds p90_seconds p95_seconds p99_seconds max_seconds",
    "refunds": "account batches obligations on_time late partial missing over_refunded stuck pending obligated_credits refunded_credits "
    "attained verdict",
    "refund_exceptions": "account batch_id class obligated_credits refunded_credits seconds_to_refund",
    "refund_rates": "account model items refunded_items refund_rate_items frozen_credits refunded_credits refund_rate_credits",
    "idempotency": "keys_seen keys_replayed violations verdict",
    "promises": "promise account subject target good valid attained verdict",
    "budget": "promise account subject allowed spent left spent_percent elapsed_percent burn_rate state",
    "credits": "account period_start period_end monthly_fee_usd attained tier_percent credit_usd request_until",
    "exceptions": "kind account reference detail",
    "tasks": "task_id account model batch_id batch_index accepted_at dispatched_at terminal_at seconds status failure_type class reason",
}


class Report:
    """All tables of a month, for everybody or for one account."""

    def __init__(self, deployment, month, now, slug=None):
        self.deployment, self.month = deployment, month
        self.owners = {user: owner for user, owner in deployment.owners.items() if slug in (None, owner.slug)}
        self.only = next(iter(self.owners.values())) if slug else None
        self.profile = self.only.profile(month) if self.only else deployment.standard
        self.start, self.end = self.only.period(month) if self.only else Owner(
            {"user_id": "", "slug": ""}, [{"from_month": "0001-01-01", "time_zone": deployment.standard.zone}], {}).period(month)
        profiles = [deployment.standard] + [owner.profile(month) for owner in self.owners.values()]
        longest = max(limit for profile in profiles for limit in profile.limits.values())
        self.finality = self.end + math.ceil(longest) + DAY
        self.cutoff = min(now, self.finality)
        self.batches = [batch for batch in deployment.batches.values() if self.concerns(batch.user_id) and self.holds(batch.created_at)]
        own = [task for task in deployment.tasks if self.concerns(task.user_id) and self.holds(task.created_at)]
        self.items, self.loose = [task for task in own if task.batch], [task for task in own if not task.batch]
        self.classes = {task.id: self.classify(task) for task in self.items}
        self.refund_classes = {batch.id: self.refund_class(batch) for batch in self.batches}

    # Who and when

    def concerns(self, user):
        """Whether an owner's rows belong in this report."""
        return self.only is None or user == self.only.user_id

    def holds(self, instant):
        """Whether an instant lies in the month, and has come."""
        return self.start <= instant < self.end and instant <= self.cutoff

    def slug(self, user):
        """The name of an owner in the tables."""
        return self.deployment.slug(user)

    def profile_at(self, user, instant):
        """The contract that judges what happened to an owner at an instant."""
        owner = self.deployment.owners.get(user)
        return owner.profile_at(instant) if owner else self.deployment.standard

    def row_profile(self, account):
        """The contract that a row of a table is judged by."""
        for owner in self.owners.values():
            if owner.slug == account:
                return owner.profile(self.month)
        return self.deployment.standard

    def groups(self, user):
        """The rows in which an owner's items count."""
        return [self.slug(user)] if self.only else ["", self.slug(user)]

    def by_account(self):
        """Batches of the widest view, which is always there, and of each account."""
        grouped = {self.only.slug if self.only else "": []}
        for batch in self.batches:
            for account in self.groups(batch.user_id):
                grouped.setdefault(account, []).append(batch)
        return grouped

    # Tasks

    def classify(self, task):
        """The class of a task, and the reason where that is `excluded`."""
        profile = self.profile_at(task.user_id, task.created_at)
        limit = profile.limits.get(task.model, math.inf)
        if not task.ended(self.cutoff):
            return ("in_flight_over" if self.cutoff - task.created_at > limit else "undetermined"), None
        if task.ended_at < task.created_at:
            return "excluded", "clock_error"
        if task.status == "succeeded":
            return ("good" if task.ended_at - task.created_at <= limit else "late"), None
        if "input_refused" in profile.exclusions and (
                task.failure_reason == "input_moderation" or task.failure_type == "param_error"):
            return "excluded", "input_refused"
        return ("timed_out" if task.failure_type == "timeout" else "failed"), None

    def completions(self):
        """Classes and durations by account and model."""
        grouped = defaultdict(list)
        for task in self.items:
            name, _ = self.classes[task.id]
            duration = task.ended_at - task.created_at if name in ("good", "late") else math.inf
            for account in self.groups(task.user_id):
                grouped[account, task.model].append((name, duration))
        return grouped

    def extra(self, account, model):
        """By how many hundredths of a task more may fail than the row's target says, since some tasks are under others.

        Those are the tasks of an account, in everybody's report, that began in a neighbouring month of its own.
        """
        target = self.row_profile(account).targets.get(model)
        if self.only or target is None or account not in [owner.slug for owner in self.owners.values()]:
            return 0
        others = [
            self.profile_at(task.user_id, task.created_at).targets.get(model, target) for task in self.items
            if self.slug(task.user_id) == account and task.model == model
            and (self.classes[task.id][0] == "good" or self.classes[task.id][0] in BAD)
        ]
        return sum(target - other for other in others)

    def completion_rows(self):
        """completion.csv"""
        for (account, model), found in self.completions().items():
            names = [name for name, _ in found]
            durations = sorted(duration for name, duration in found if name == "good" or name in BAD)
            valid, good, finite = len(durations), names.count("good"), names.count("good") + names.count("late")
            seconds = []
            for percent in (50, 90, 95, 99, 100):
                duration = durations[max(1, -(-percent * valid // 100)) - 1] if valid else math.inf
                seconds.append("" if duration == math.inf else seconds_text(duration))
            profile = self.row_profile(account)
            for clock in CLOCKS:
                target = profile.targets.get(model) if clock == profile.clock else None
                yield [
                    account, model, clock, valid, good, names.count("late"), names.count("failed"), names.count("timed_out"), 0,
                    names.count("in_flight_over"), names.count("excluded"), names.count("undetermined"), percent_text(good, valid),
                    ratio_verdict(good, valid, target, self.extra(account, model)), percent_text(finite, valid), *seconds,
                ]

    def tasks_rows(self):
        """tasks.csv"""
        for task in self.items:
            has_ended, (name, reason) = task.ended(self.cutoff), self.classes[task.id]
            open_status = "pending" if task.status == "pending" else "processing"
            yield [
                task.id, self.slug(task.user_id), task.model, task.batch.id, task.index, instant_text(task.created_at),
                instant_text(task.created_at), instant_text(task.ended_at) if has_ended else "",
                seconds_text(task.ended_at - task.created_at) if has_ended else "", task.status if has_ended else open_status,
                task.failure_type if has_ended else "", name, reason,
            ]

    # Money

    def refund_class(self, batch):
        """The class of a batch's refund; None where nothing is owed and nothing was given."""
        profile, cutoff = self.profile_at(batch.user_id, batch.created_at), self.cutoff
        if not batch.tasks:
            return None
        if not batch.all_ended(cutoff):
            return "stuck" if cutoff - batch.created_at > profile.stuck_after else "pending"
        owed, refunded = batch.owed(cutoff), batch.refunded(cutoff)
        if refunded > owed:
            return "over_refunded"
        if owed == 0:
            return None
        if refunded < owed and cutoff - batch.last_ended_at <= profile.refund_deadline:
            return "pending"
        if refunded <= 0:
            return "missing"
        if refunded < owed:
            return "partial"
        return "on_time" if self.refund_time(batch) <= profile.refund_deadline else "late"

    def refund_time(self, batch):
        """From the end of its last task to its last refund; None where one is lacking."""
        posted = [entry.posted_at for entry in batch.refunds if entry.posted_at <= self.cutoff]
        return max(posted) - batch.last_ended_at if posted and batch.all_ended(self.cutoff) else None

    def is_obliged(self, batch):
        """Whether its refund counts."""
        return self.refund_classes[batch.id] not in (None, "pending")

    def refunds_rows(self):
        """refunds.csv"""
        for account, batches in self.by_account().items():
            names, obliged = [self.refund_classes[batch.id] for batch in batches], [batch for batch in batches if self.is_obliged(batch)]
            counts = [names.count(name) for name in ("on_time", "late", "partial", "missing", "over_refunded", "stuck", "pending")]
            yield [
                account, len(batches), len(obliged), *counts, sum(batch.owed(self.cutoff) for batch in obliged),
                sum(batch.refunded(self.cutoff) for batch in obliged), percent_text(counts[0], len(obliged)),
                ratio_verdict(counts[0], len(obliged), 100),
            ]

    def refund_exceptions_rows(self):
        """refund_exceptions.csv"""
        for batch in self.batches:
            if self.is_obliged(batch) and self.refund_classes[batch.id] != "on_time":
                yield [self.slug(batch.user_id), batch.id, self.refund_classes[batch.id], batch.owed(self.cutoff),
                       batch.refunded(self.cutoff), seconds_text(self.refund_time(batch))]

    def refund_rates_rows(self):
        """refund_rates.csv"""
        grouped = defaultdict(list)
        for task in self.items:
            if task.ended(self.cutoff):
                for account in self.groups(task.user_id):
                    grouped[account, task.model].append(task)
        for (account, model), tasks in grouped.items():
            back = [task for task in tasks if task.status != "succeeded"]
            cost, returned = sum(task.cost for task in tasks), sum(task.cost for task in back)
            yield [account, model, len(tasks), len(back), percent_text(len(back), len(tasks)), cost, returned, percent_text(returned, cost)]

    def repeated_keys(self, batches):
        """The keys of some batches that have several, of whatever month."""
        uses = defaultdict(int)
        for batch in self.deployment.batches.values():
            if batch.created_at <= self.cutoff:
                uses[batch.user_id, batch.request_id] += 1
        return [key for key in {(batch.user_id, batch.request_id) for batch in batches} if key[1] is not None and uses[key] > 1]

    def idempotency(self, batches):
        """Keys, violations and the verdict among some batches."""
        keys = {(batch.user_id, batch.request_id) for batch in batches if batch.request_id is not None}
        violations = len(self.repeated_keys(batches)) + sum(batch.frozen(self.cutoff) > batch.frozen_credits for batch in batches)
        return len(keys), violations, BREACH if violations else PASS if keys else NOT_APPLICABLE

    def idempotency_rows(self):
        """idempotency.csv. The log is unique by key and request: it cannot hold a replay."""
        keys, violations, verdict = self.idempotency(self.batches)
        yield [keys, "", violations, verdict]

    def promises_rows(self):
        """promises.csv"""
        for name, total, monitored, down in self.availability(self.start, self.end):
            is_enough = 100 * monitored >= self.profile.monitored_percent * total
            verdict = ratio_verdict(total - down, total, self.profile.availability_target) if is_enough else INSUFFICIENT
            yield ["availability", "", name, target_text(self.profile.availability_target), total - down, total,
                   percent_text(total - down, total) if is_enough else "", verdict]
        for (account, model), found in self.completions().items():
            good = sum(name == "good" for name, _ in found)
            valid = good + sum(name in BAD for name, _ in found)
            target = self.row_profile(account).targets.get(model)
            yield ["completion", account, model, target_text(target), good, valid, percent_text(good, valid),
                   ratio_verdict(good, valid, target, self.extra(account, model))]
        for account, batches in self.by_account().items():
            yield from self.batch_promises(account, batches)

    def batch_promises(self, account, batches):
        """The promises that are kept batch by batch."""
        at, names = self.cutoff, [self.refund_classes[batch.id] for batch in batches]
        settled = [batch for batch in batches if batch.settled(at)]
        begun = [batch for batch in batches if batch.tasks and batch.status != "queued"]
        known = [batch for batch in settled if batch.row["webhook_url"] is not None and batch.row["webhook_status"] is not None]
        for promise, target, good, valid in (
            ("auto_refund", 100, names.count("on_time"), sum(self.is_obliged(batch) for batch in batches)),
            ("pay_for_success", 100, sum(batch.frozen(at) - batch.refunded(at) == batch.delivered(at) for batch in settled), len(settled)),
            ("financial_safety", 100, sum(batch.frozen(at) >= sum(task.cost for task in batch.tasks) for batch in begun), len(begun)),
            ("webhook_delivery", None, sum(batch.row["webhook_status"] == "sent" for batch in known), len(known)),
        ):
            yield [promise, account, "", target_text(target), good, valid, percent_text(good, valid), ratio_verdict(good, valid, target)]
        keys, violations, verdict = self.idempotency(batches)
        good = max(0, keys - violations)
        yield ["idempotency", account, "", target_text(100), good, keys, percent_text(good, keys), verdict]

    def budget_rows(self):
        """budget.csv: the same states as ever, of what is counted here."""
        span, profile = Span.of(self.start, self.end, self.cutoff, self.finality), self.profile
        for name, total, monitored, down in self.availability(self.start, self.end):
            component = Component(name, total, monitored, down)
            yield ["availability", "", name] + budget_cells(
                profile.availability_target, span.total, down, total, span, True, minutes_state(component, profile, span))
        for (account, model), found in self.completions().items():
            names = [name for name, _ in found]
            good, valid = names.count("good"), names.count("good") + sum(name in BAD for name in names)
            target, extra = self.row_profile(account).targets.get(model), self.extra(account, model)
            yield ["completion", account, model] + budget_cells(
                target, valid, valid - good, valid, span, False,
                items_state(target, good, valid, names.count("undetermined"), span, extra), extra)
        for account, batches in self.by_account().items():
            at = self.cutoff
            undetermined = {
                "auto_refund": sum(self.refund_classes[batch.id] == "pending" for batch in batches),
                "pay_for_success": sum(not batch.settled(at) for batch in batches),
                "financial_safety": sum(not batch.tasks or batch.status == "queued" for batch in batches),
            }
            keys, violations, _ = self.idempotency(batches)
            for promise, _, _, target, good, valid, _, _ in self.batch_promises(account, batches):
                spent = violations if promise == "idempotency" else valid - good
                valid = max(keys, violations) if promise == "idempotency" else valid
                goal = None if target == "" else 100
                yield [promise, account, ""] + budget_cells(
                    goal, valid, spent, valid, span, False,
                    items_state(goal, valid - spent, valid, undetermined.get(promise, 0), span))

    # Minutes

    def availability(self, start, end):
        """The minutes of each component: name, total, monitored, down."""
        first, last = -(-start // MINUTE), min(end, self.cutoff) // MINUTE
        minutes = defaultdict(dict)
        for instant, target, is_up in self.deployment.probes:
            minute = instant // MINUTE
            if minute < last:
                minutes[target][minute] = minutes[target].get(minute, False) or is_up
        for name in sorted(minutes):
            own = [is_up for minute, is_up in minutes[name].items() if minute >= first]
            yield name, max(0, last - first), len(own), own.count(False)

    def credits_rows(self):
        """credits.csv"""
        for owner in self.owners.values():
            (start, end), profile = owner.period(self.month), owner.profile(self.month)
            fee = number(owner.under(self.month)["monthly_fee_usd"])
            worst = None
            for _, total, monitored, down in self.availability(start, end):
                if total and 100 * monitored >= profile.monitored_percent * total:
                    attained = Fraction(100 * (total - down), total)
                    worst = attained if worst is None else min(worst, attained)
            tier = sum((credit for low, high, credit in profile.tiers if worst is not None and low <= worst < high), Fraction(0))
            yield [
                owner.slug, instant_text(start), instant_text(end), dollars_text(math.floor(fee * 100)),
                "" if worst is None else four_decimals(worst), "" if worst is None else four_decimals(tier),
                "" if worst is None else dollars_text(math.floor(fee * tier + Fraction(1, 2))), instant_text(end + 30 * DAY),
            ]

    # What was set aside

    def exceptions_rows(self):
        """exceptions.csv"""
        for task in self.items:
            if self.classes[task.id][1]:
                yield [self.classes[task.id][1], self.slug(task.user_id), task.id, ""]
        for batch in self.batches:
            account, charge = self.slug(batch.user_id), batch.charge(self.cutoff)
            waiting = self.profile_at(batch.user_id, batch.created_at).stuck_after
            if not batch.tasks:
                yield ["batch_without_tasks", account, batch.id, ""]
            elif batch.all_ended(self.cutoff) and not batch.settled(self.cutoff) and self.cutoff - batch.last_ended_at > waiting:
                yield ["batch_never_settled", account, batch.id, ""]
            if charge:
                yield [charge[0], account, batch.id, ""]
            if batch.frozen(self.cutoff) > batch.frozen_credits:
                yield ["over_frozen", account, batch.id, ""]
        for user, request in self.repeated_keys(self.batches):
            yield ["duplicate_request_id", self.slug(user), request, ""]
        for user, entries in self.deployment.entries.items():
            for entry in entries:
                is_stray = entry.reference_type == "batch_upfront" and entry.reference not in self.deployment.batches
                if is_stray and self.concerns(user) and self.holds(entry.posted_at):
                    yield ["charge_without_batch", self.slug(user), entry.reference or entry.id, ""]
        owners = {row.user_id for row in self.items + self.batches}
        for kind, count in (
            ("terminal_instant_estimated", sum(task.ended(self.cutoff) and task.is_estimated for task in self.items)),
            ("settlement_instant_estimated",
             sum(batch.settled(self.cutoff) and batch.row["completed_at"] is None for batch in self.batches)),
            ("model_missing", sum(task.is_model_missing for task in self.items)),
            ("task_without_batch", len(self.loose)),
            ("owner_without_account", sum(self.slug(owner) == NO_ACCOUNT for owner in owners)),
        ):
            if count:
                yield [kind, "", "", count]

    def write(self, folder):
        """Every table into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, columns in COLUMNS.items():
            write_table(folder, name, columns.split(), list(getattr(self, f"{name}_rows")()))
