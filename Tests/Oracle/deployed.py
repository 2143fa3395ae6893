#!/usr/bin/env python3
"""A calculation of its own of what a deployment's books say: statements, verification and explanation; deployed_sla.py has the SLA report.

    deployed.py statement FOLDER OUTPUT --month 2026-10 --now INSTANT
    deployed.py verify FOLDER OUTPUT --now INSTANT
    deployed.py explain FOLDER OUTPUT --now INSTANT
    deployed.py sla FOLDER OUTPUT --month 2026-10 --now INSTANT [--account SLUG]

From the tables alone and the definitions, with plain loops over rows; from the other calculations it takes only how values are read
and written. Terms hold by month (terms.csv). Where the definitions are silent this calculation decides as follows.

 1. A row's bucket is meta.bucket; else bonus for grants, expiries, rows with meta.use_bonus, ref_type bonus_credits, and adjustments
    whose meta.credit_type is bonus; else permanent. So what bonus paid for costs nothing.
 2. A batch of several models: its freeze is split over its models by what their tasks cost, its refunds by what their tasks cost that
    did not succeed, the cost of its draws by what their tasks cost that did. Models stand in bytewise order; the shares of the first n
    together are rounded down.
 3. One finding about a batch's charge: delivered_unpaid before charge_differs before freeze_short; charge_differs only where no finding
    about its refunds says the same.
 4. Single videos: the net cost of what their rows of the month drew.
"""

import argparse
from collections import defaultdict
from pathlib import Path
from zoneinfo import ZoneInfo

import oracle
from deployed_books import Deployment, Draws
from deployed_sla import Report
from oracle import instant_text, integer, parse_instant, write_table
from statement import LIST_MICRODOLLARS, SUMMARY_LINES, dollars_text, local_text, unit_price_text, write_of, write_ordered

oracle.TEXT_COLUMNS.update(("finding", "source"))
BATCH_COLUMNS = "batch_id request_id created_at settled_at status items succeeded failed frozen spent refunded difference".split()
FAR = 10**20


def shares(total, models, *choices):
    """A number split by the first weights that weigh anything: the shares of the first n models together are rounded down."""
    weights = next(weights for weights in choices if sum(weights))
    split, running, given = {}, 0, 0
    for model, weight in zip(models, weights):
        running += weight
        together = total * running // sum(weights)
        split[model], given = together - given, together
    return split


class Statement:
    """An account's month."""

    def __init__(self, deployment, owner, month, now):
        self.deployment, self.owner, self.now, self.month = deployment, owner, now, month
        self.start, self.end = owner.period(month)
        self.plan, self.zone = owner.under(month)["plan"], ZoneInfo(owner.under(month)["time_zone"])
        # Instants at which something counts as done.
        self.before, self.last = min(self.start - 1, now), min(self.end - 1, now)
        everything = deployment.entries.get(owner.user_id, [])
        self.total = sum(entry.credits for entry in everything)
        self.entries = [entry for entry in everything if entry.posted_at <= self.last]
        self.own = [entry for entry in self.entries if entry.posted_at >= self.start]
        self.batches = sorted(
            (batch for batch in deployment.batches.values() if batch.user_id == owner.user_id), key=lambda batch: batch.id)
        self.settled = [batch for batch in self.batches if batch.settled(self.last) and batch.settled_at >= self.start]
        self.draws = Draws(self.entries)

    def held(self, at):
        """Batches that hold credit at an instant, with what they hold."""
        held = [(batch, batch.frozen(at) - batch.refunded(at)) for batch in self.batches if not batch.settled(at)]
        return [(batch, credits) for batch, credits in held if credits > 0]

    def single_refunds(self, entry):
        """What came back of a single video."""
        return sum(row.credits for row in self.own
                   if row.type == "refund" and row.reference is not None and row.reference == entry.reference)

    def summary(self):
        """summary.csv"""
        lines = {"opening_balance": sum(entry.credits for entry in self.entries if entry.posted_at < self.start)}
        lines |= {line: 0 for line in SUMMARY_LINES.values()}
        for entry in self.own:
            lines[SUMMARY_LINES["expired" if entry.is_expiry else entry.type]] += entry.credits
        lines["closing_balance"] = sum(lines.values())
        lines["held_opening"] = sum(credits for _, credits in self.held(self.before))
        lines["held_closing"] = sum(credits for _, credits in self.held(self.last))
        lines["delivered"] = sum(batch.delivered(FAR) for batch in self.settled)
        lines["single_videos"] = sum(-entry.credits - self.single_refunds(entry) for entry in self.own if entry.is_single)
        lines["unreconciled"] = (
            -lines["spent"] - lines["refunds"] - lines["delivered"] - lines["single_videos"]
            - (lines["held_closing"] - lines["held_opening"]))
        wallet = self.deployment.wallets.get(self.owner.user_id)
        bonus = integer(wallet["bonus_credits"]) if wallet else 0
        expires_at = parse_instant(wallet["bonus_expires_at"]) if wallet else None
        lines["expired_unbooked"] = bonus if expires_at is not None and expires_at <= self.now else 0
        lines["unexplained"] = (integer(wallet["permanent_credits"]) if wallet else 0) + bonus - self.total
        return [[line, credits] for line, credits in lines.items()]

    def entry_rows(self):
        """entries.csv"""
        balance = sum(entry.credits for entry in self.entries if entry.posted_at < self.start)
        for entry in self.own:
            balance += entry.credits
            yield [entry.id, local_text(entry.posted_at, self.zone), entry.type, entry.model, entry.bucket, entry.credits, balance,
                   entry.reference_type, entry.reference, None]

    def usage_rows(self):
        """usage.csv"""
        # batches, items, succeeded, failed, frozen, refunded, spent, cost
        lines = defaultdict(lambda: [0] * 8)
        for batch in self.settled:
            own = [[task for task in batch.tasks if task.model == model] for model in batch.models]
            items, costs = [len(tasks) for tasks in own], [sum(task.cost for task in tasks) for tasks in own]
            good = [sum(task.cost for task in tasks if task.status == "succeeded") for tasks in own]
            bad = [cost - done for cost, done in zip(costs, good)]
            frozen = shares(batch.frozen(self.last), batch.models, costs, items)
            refunded = shares(batch.refunded(self.last), batch.models, bad, costs, items)
            cost = sum(draw.kept_cost for draw in self.draws.by_batch.get(batch.id, []))
            cost = shares(cost, batch.models, good, costs, items)
            for model in batch.models:
                own = [task for task in batch.tasks if task.model == model]
                done = [task for task in own if task.status == "succeeded"]
                self.add(lines["batch", model], 1, len(own), len(done), sum(task.status == "failed" for task in own), frozen[model],
                         refunded[model], sum(task.cost for task in done), cost[model])
        for entry in self.own:
            if entry.is_single:
                back = self.single_refunds(entry)
                self.add(lines["single", entry.own_model or ""], 0, 1, int(back == 0), int(back > 0), -entry.credits, back,
                         -entry.credits - back, sum(draw.kept_cost for draw in self.draws.by_entry[entry.id]))
        for (source, model), line in sorted(lines.items(), key=lambda item: (item[0][0].encode(), item[0][1].encode())):
            yield [source, model, *line[:7], *self.price_and_amount(model, line)]

    @staticmethod
    def add(line, *values):
        """Adds values to a line."""
        for place, value in enumerate(values):
            line[place] += value

    def price_and_amount(self, model, line):
        """The unit price and the amount of a usage line."""
        if self.plan == "prepaid":
            return None, dollars_text(line[7])
        price = LIST_MICRODOLLARS.get(model)
        return (None, None) if price is None else (unit_price_text(price), dollars_text(line[2] * price))

    def batch_rows(self):
        """batches.csv"""
        for batch in self.settled:
            frozen, refunded, spent = batch.frozen(self.last), batch.refunded(self.last), batch.delivered(FAR)
            states = [task.status for task in batch.tasks]
            yield [batch.id, batch.request_id, instant_text(batch.created_at), instant_text(batch.settled_at), batch.status, len(states),
                   states.count("succeeded"), states.count("failed"), frozen, spent, refunded, frozen - refunded - spent]

    def open_batch_rows(self):
        """open_batches.csv"""
        for batch, held in self.held(self.last):
            ended = [task.status for task in batch.tasks if task.ended(self.last)]
            status = batch.status if batch.settled_at is None and batch.status in ("queued", "processing") else "processing"
            yield [batch.id, batch.request_id, instant_text(batch.created_at), None, status, len(batch.tasks), ended.count("succeeded"),
                   ended.count("failed"), batch.frozen(self.last), 0, batch.refunded(self.last), held]

    def write(self, folder):
        """Every table into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, columns, rows in (
            ("summary", ["line", "credits"], self.summary()),
            ("entries", "entry_id posted_at type model bucket credits balance reference_type reference_id description".split(),
             self.entry_rows()),
            ("usage", "source model batches items succeeded failed credits_frozen credits_refunded credits_spent unit_price_usd "
             "amount_usd".split(), self.usage_rows()),
            ("batches", BATCH_COLUMNS, self.batch_rows()), ("open_batches", BATCH_COLUMNS, self.open_batch_rows()),
        ):
            write_of(self.owner.slug, self.month, folder / f"{name}.csv", columns, rows)


class Verification:
    """Everything that is wrong with the money."""

    def __init__(self, deployment, now):
        self.deployment, self.now, self.findings = deployment, now, []
        for batch in deployment.batches.values():
            self.check_batch(batch)
        self.check_requests()
        for user, entries in deployment.entries.items():
            self.check_ledger(user, entries)
        for user in deployment.wallets.keys() | deployment.entries.keys():
            self.check_wallet(user)

    def find(self, finding, reference, credits=None):
        """Writes a finding down."""
        self.findings.append([finding, reference, credits])

    def check_batch(self, batch):
        """A batch against its tasks and its ledger rows."""
        now, owner = self.now, self.deployment.owners.get(batch.user_id)
        profile = owner.profile_at(batch.created_at) if owner else self.deployment.standard
        frozen, given, owed = batch.frozen(now), batch.refunded(now), batch.owed(now)
        is_settled, has_ended = batch.settled(now), batch.all_ended(now)
        if frozen != batch.frozen_credits:
            self.find("freeze_disagrees", batch.id, abs(frozen - batch.frozen_credits))
        over = given - owed if has_ended or is_settled else 0
        lacking = owed - given if is_settled else 0
        if (has_ended or is_settled) and given > owed:
            self.find("double_refund" if len(batch.refunds) > 1 else "over_refund", batch.id, given - owed)
        elif is_settled and given < owed:
            self.find("short_refund" if batch.refunds else "missing_refund", batch.id, owed - given)
        elif has_ended and owed > 0 and given == owed and batch.refunds[-1].posted_at - batch.last_ended_at > profile.refund_deadline:
            self.find("late_refund", batch.id)
        # What a finding about its refunds names already is not counted again.
        gap = batch.delivered(now) - (frozen - given)
        cost = sum(task.cost for task in batch.tasks) if batch.status != "queued" else 0
        charges = {
            "delivered_unpaid": gap - max(over, 0),
            "charge_differs": -gap - max(lacking, 0) if is_settled else 0,
            "freeze_short": cost - frozen,
        }
        charge = next(((name, credits) for name, credits in charges.items() if credits > 0), None)
        if charge:
            self.find(charge[0], batch.id, charge[1])
        if len(batch.models) == 1 and any(row.own_model not in (batch.models[0], None) for row in batch.freezes + batch.refunds):
            self.find("ledger_model_disagrees", batch.id)
        if is_settled:
            states = [task.status for task in batch.tasks]
            kept = [integer(batch.row[column]) for column in ("total_count", "success_count", "failed_count")]
            if states and kept != [len(states), states.count("succeeded"), states.count("failed")]:
                self.find("batch_counts_disagree", batch.id)
            if integer(batch.row["credits_spent"]) != batch.delivered(now):
                self.find("spent_disagrees", batch.id, abs(integer(batch.row["credits_spent"]) - batch.delivered(now)))
        self.check_stuck(batch, profile, frozen - given, is_settled, has_ended)

    def check_stuck(self, batch, profile, held, is_settled, has_ended):
        """A batch that waits for what never comes."""
        if batch.tasks and not has_ended:
            if self.now - batch.created_at > profile.stuck_after:
                self.find("stuck_batch", batch.id, None if is_settled else max(held, 0))
        elif not is_settled and (batch.tasks or held > 0):
            since = batch.last_ended_at if batch.tasks else batch.created_at
            if self.now - since > profile.stuck_after:
                self.find("stuck_batch", batch.id, max(held, 0))

    def check_requests(self):
        """One batch a request of an owner."""
        same = defaultdict(list)
        for batch in sorted(self.deployment.batches.values(), key=lambda batch: (batch.created_at, batch.id)):
            if batch.request_id is not None:
                same[batch.user_id, batch.request_id].append(batch)
        for (_, request), batches in same.items():
            if len(batches) > 1:
                moved = sum(batch.frozen(self.now) - batch.refunded(self.now) for batch in batches[1:])
                self.find("duplicate_request_id", request, max(0, moved))

    def check_ledger(self, user, entries):
        """Rows of batches that are not there, balances below 0, rows of the future."""
        strays, balance, deepest = defaultdict(int), 0, 0
        for entry in entries:
            if entry.posted_at > self.now:
                self.find("posted_in_future", entry.id, abs(entry.credits))
                continue
            balance += entry.credits
            deepest = min(deepest, balance)
            if entry.reference_type in ("batch_upfront", "batch_refund") and not entry.batch:
                strays[entry.reference or entry.id] += entry.credits
        for reference, credits in strays.items():
            self.find("ledger_without_batch", reference, abs(credits))
        if deepest < 0:
            self.find("negative_balance", user, -deepest)

    def check_wallet(self, user):
        """A wallet, which knows no dates, against all rows, and bonus against its expiry."""
        wallet = self.deployment.wallets.get(user)
        bonus = integer(wallet["bonus_credits"]) if wallet else 0
        held = bonus + (integer(wallet["permanent_credits"]) if wallet else 0)
        gap = held - sum(entry.credits for entry in self.deployment.entries.get(user, []))
        if gap:
            self.find("wallet_drift", user, abs(gap))
        expires_at = parse_instant(wallet["bonus_expires_at"]) if wallet else None
        if bonus and expires_at is not None and expires_at <= self.now:
            self.find("expired_bonus_not_swept", user, bonus)

    def write(self, folder):
        """findings.csv"""
        write_table(folder, "findings", ["finding", "reference", "credits"], self.findings)


def six_decimals(amount):
    """Millionths of a dollar as dollars."""
    return f"{amount // 1_000_000}.{amount % 1_000_000:06d}"


def write_origins(deployment, folder, now):
    """origins.csv: what each batch drew from which entry, what of it came back, and what that cost."""
    rows = []
    for user in sorted(deployment.entries):
        entries = [entry for entry in deployment.entries[user] if entry.posted_at <= now]
        for batch, draws in Draws(entries).by_batch.items():
            for draw in draws:
                rows.append([batch, draw.source or "no purchase or grant", draw.credits, six_decimals(draw.cost), draw.credits - draw.kept,
                             six_decimals(draw.cost - draw.kept_cost)])
    write_ordered(folder / "origins.csv", ["batch", "entry", "credits", "cost", "returned", "returned_cost"], rows)


def main():
    """The command line."""
    parser = argparse.ArgumentParser(description="Calculates what a deployment's books say, from CSV files.")
    parser.add_argument("what", choices=["sla", "statement", "verify", "explain"])
    parser.add_argument("input", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--month")
    parser.add_argument("--now", type=parse_instant, required=True)
    parser.add_argument("--account")
    options = parser.parse_args()
    deployment = Deployment(options.input)
    options.output.mkdir(parents=True, exist_ok=True)
    if options.what == "statement":
        for owner in deployment.owners.values():
            statement = Statement(deployment, owner, options.month, options.now)
            statement.write(options.output / f"statement-{owner.slug}-{options.month}")
    elif options.what == "verify":
        Verification(deployment, options.now).write(options.output)
    elif options.what == "explain":
        write_origins(deployment, options.output, options.now)
    else:
        Report(deployment, options.month, options.now, options.account).write(options.output)


if __name__ == "__main__":
    main()
