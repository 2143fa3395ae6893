#!/usr/bin/env python3
"""A second, independent calculation of the customers' statements.

Reads a deployment from CSV files and writes, for one month and every account, the statement's tables.
Plain loops over rows, integers and fractions, no SQL. See README.md for the files and the command line.

Where the definitions are silent this calculation decides as follows.

 1. Nothing at or after the month's end, or after the cutoff (by default the snapshot), has happened: a
    refund posted next month is not in this month's batches.csv, so a later event never changes it.
 2. Settled: settlement_status is finalized or refunded; settled_at is completed_at, else the first batch_refund
    row's instant, else that of the end of its last task, else that of its creation. Never its updated_at.
 3. Freeze and refund rows are those of the same owner with ref_type batch_upfront and batch_refund and
    the batch's id, whatever their type; frozen and refunded are what these rows moved, not the batch's
    own columns. A row of another owner, or of an unknown batch, belongs to no batch.
 4. items, succeeded, failed and spent are recounted from the tasks by their status, with no regard to a
    task's own instants: a settled batch has ended. A task costs what the engine recorded for it, else the
    batch's cost_per_video.
 5. Held: what the freeze rows took and the refund rows have not given back, never below 0: a batch that gives
    back before it is settled holds less, so that whole books have nothing unreconciled in any month.
 6. expired: rows of type adjust with ref_type bonus_expiry; entries.csv has the ledger's own type.
 7. An entry's model is that of the batch's tasks where all of them have one and the same, else the
    ledger row's own. usage.csv splits a batch by its tasks' models, in the order of their names: what was frozen
    by the cost of all tasks, what came back by the cost of those that did not succeed, its cost in dollars by the
    cost of those that did; each running total is rounded down. Where its rows say of every model what the tasks
    say, the dollars are those of the rows' own draws. A batch without tasks has the models of its rows.
 8. bucket is meta.bucket, else `bonus` for grants, expiries, spend rows with ref_type bonus_credits or meta.use_bonus,
    and adjustments whose meta.credit_type is bonus, else `permanent`.
 9. summary.csv keeps the order of the definition; created_at and settled_at are in UTC; description is
    left empty here. open_batches.csv has the columns of batches.csv, as of the month's end: tasks count once
    they have ended, nothing is spent, the difference is what is held, and a batch that was settled since
    was processing.
10. Credit: a purchase is a lot with meta.usd as its price; bonus grants and positive adjustments are
    lots that cost nothing. A negative row other than a purchase's own sign draws from the lots of its
    bucket, oldest first; when they are empty, from the other bucket's, then from nothing at no cost.
11. A batch_refund walks its batch's draws backwards, the last one first, into the lots they came from,
    whatever bucket the row names: first those of the model that it gives back for, then the others. What
    exceeds the draws becomes a lot that cost nothing.
12. A purchase without a price is valued at list: a package's price where its credits are a package's, else
    $0.049 a credit, a tenth of a Sora-2 video. A refund booked as a purchase is such a purchase.
13. The amount of a prepaid line is the net cost of its batches' draws at the month's end, in
    millionths of a dollar, rounded to cents once, half a cent up. It has no unit price.
14. A model without a list price has an empty unit price and, pay as you go, an empty amount.
15. Single videos: spend rows that are not batch_upfront, and refunds that are not of a batch and name the ref_id
    of one of the owner's that was posted before the month's end. Each spend row is an item; all of a ref_id are
    given back once a refund names it, and count against the month in which the first of those refunds stands.
16. unexplained counts every ledger row of the snapshot and a missing wallet as 0; bonus credit has
    expired when bonus_expires_at is not after the snapshot.
"""

import argparse
import json
from dataclasses import dataclass, field
from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from zoneinfo import ZoneInfo

import oracle
from oracle import EPOCH, INFINITY, instant_text, integer, month_bounds, parse_instant, read_rows

oracle.TEXT_COLUMNS.update(("bucket", "description", "line", "reference_id", "reference_type", "request_id", "type"))

LIST_MICRODOLLARS = {"sora-2": 490_000, "veo-flash": 990_000, "veo-pro": 5_990_000}
LIST_CREDITS = {"sora-2": 10, "veo-flash": 50, "veo-pro": 250}
PACKAGES = {95_000: 2_000_000_000, 262_500: 5_000_000_000, 575_000: 10_000_000_000}
SUMMARY_LINES = {
    "purchase": "purchases", "bonus_grant": "bonus_grants", "spend": "spent", "refund": "refunds",
    "adjust": "adjustments", "expired": "expired",
}


@dataclass
class Task:
    """A task, as far as money is concerned."""

    id: str
    model: str
    status: str
    cost: int
    ended_at: int


@dataclass
class Batch:
    """A batch with its tasks and all of its ledger rows."""

    id: str
    user_id: str
    request_id: str
    status: str
    created_at: int
    settled_at: int
    is_settled: bool
    cost_per_video: int
    tasks: list = field(default_factory=list)
    freezes: list = field(default_factory=list)
    refunds: list = field(default_factory=list)

    @property
    def model(self):
        """The model of its tasks where they have only one."""
        models = {task.model for task in self.tasks}
        return models.pop() if len(models) == 1 else None

    def estimated_settlement(self):
        """When it was settled, where it does not say so."""
        refunds = [entry.posted_at for entry in self.refunds]
        ends = [task.ended_at for task in self.tasks if task.ended_at is not None]
        return min(refunds) if refunds else max(ends) if ends else self.created_at

    def settled_by(self, happened):
        """Whether it is settled as far as things have happened."""
        return self.settled_at is not None and happened(self.settled_at)

    def frozen(self, happened):
        """What its freeze rows have taken."""
        return -sum(entry.credits for entry in self.freezes if happened(entry.posted_at))

    def refunded(self, happened):
        """What its refund rows have given back."""
        return sum(entry.credits for entry in self.refunds if happened(entry.posted_at))

    def count(self, status):
        """How many of its tasks are in a state."""
        return sum(task.status == status for task in self.tasks)

    @property
    def delivered(self):
        """The cost of its succeeded tasks."""
        return sum(task.cost for task in self.tasks if task.status == "succeeded")


@dataclass
class Entry:
    """A row of the ledger; `batch` only where it is a freeze or a refund of it."""

    id: int
    user_id: str
    type: str
    line: str
    own_model: str
    credits: int
    reference_type: str
    reference: str
    meta: dict
    posted_at: int
    batch: Batch = None

    @property
    def model(self):
        """The model of the batch's tasks, else what the row says."""
        return (self.batch and self.batch.model) or self.own_model or ""

    @property
    def is_single(self):
        """Whether it spends credit for a video without a batch."""
        return self.type == "spend" and self.reference_type not in ("batch_upfront", "batch_refund")

    @property
    def is_single_return(self):
        """Whether it may give back such a video."""
        return (self.type == "refund" and bool(self.reference)
                and self.reference_type not in ("batch_upfront", "batch_refund"))

    @property
    def bucket(self):
        """Which credit it moved."""
        stated = self.meta.get("bucket")
        is_spent_bonus = self.type == "spend" and (self.reference_type == "bonus_credits" or self.meta.get("use_bonus") is True)
        is_adjusted_bonus = self.type == "adjust" and self.meta.get("credit_type") == "bonus"
        is_bonus = self.line in ("bonus_grant", "expired") or is_spent_bonus or is_adjusted_bonus
        return stated or ("bonus" if is_bonus else "permanent")

    @property
    def price(self):
        """What a purchase cost, in millionths of a dollar; None where nobody says."""
        try:
            return int(Fraction(str(self.meta["usd"])) * 1_000_000 // 1)
        except (KeyError, ValueError, ZeroDivisionError):
            return None


class Ledger:
    """Every batch, entry and wallet of a deployment."""

    def __init__(self, folder):
        self.read_batches(folder)
        self.read_tasks(folder)
        self.read_entries(folder)
        for batch in self.batches.values():
            if batch.is_settled and batch.settled_at is None:
                batch.settled_at = batch.estimated_settlement()
        rows = read_rows(folder, "credit_wallet")
        self.wallets = None if rows is None else {row["user_id"]: row for row in rows}

    def read_batches(self, folder):
        """Batches by id."""
        self.batches = {}
        for row in read_rows(folder, "batch_jobs") or []:
            settled = row["settlement_status"] in ("finalized", "refunded")
            self.batches[row["id"]] = Batch(
                id=row["id"],
                user_id=row["user_id"],
                request_id=row["request_id"],
                status=row["status"],
                created_at=parse_instant(row["created_at"]),
                settled_at=parse_instant(row["completed_at"]) if settled else None,
                is_settled=settled,
                cost_per_video=integer(row["cost_per_video"]) or 0,
            )

    def read_tasks(self, folder):
        """Tasks, given to their batches."""
        facts = {row["task_id"]: row for row in read_rows(folder, "task_facts") or []}
        for row in read_rows(folder, "video_tasks") or []:
            batch = self.batches.get(row["batch_job_id"])
            if batch:
                fact = facts.get(row["id"], {})
                cost = integer(fact.get("cost_credits"))
                ended_at = row["completed_at"] or fact.get("terminal_at") or row["updated_at"]
                batch.tasks.append(Task(
                    id=row["id"],
                    model=row["model"] or "",
                    status=row["status"],
                    cost=batch.cost_per_video if cost is None else cost,
                    ended_at=parse_instant(ended_at),
                ))

    def read_entries(self, folder):
        """Ledger rows by owner, in the order of (created_at, id)."""
        self.entries = {}
        for row in read_rows(folder, "credit_ledger") or []:
            expired = row["type"] == "adjust" and row["ref_type"] == "bonus_expiry"
            meta = json.loads(row["meta"], parse_float=str) if row["meta"] else {}
            entry = Entry(
                id=int(row["id"]),
                user_id=row["user_id"],
                type=row["type"],
                line="expired" if expired else row["type"],
                own_model=row["model"],
                credits=int(row["credits_delta"]),
                reference_type=row["ref_type"],
                reference=row["ref_id"],
                meta=meta if isinstance(meta, dict) else {},
                posted_at=parse_instant(row["created_at"]),
            )
            batch = self.batches.get(entry.reference)
            if batch and batch.user_id == entry.user_id and entry.reference_type in ("batch_upfront", "batch_refund"):
                entry.batch = batch
                (batch.freezes if entry.reference_type == "batch_upfront" else batch.refunds).append(entry)
            self.entries.setdefault(entry.user_id, []).append(entry)
        for entries in self.entries.values():
            entries.sort(key=lambda entry: (entry.posted_at, entry.id))


# --------------------------------------------------------------------------------------------------
# What the credits cost
# --------------------------------------------------------------------------------------------------


@dataclass
class Lot:
    """Credit of one purchase or grant: what is left of it and what that cost."""

    bucket: str
    credits: int
    cost: int

    def take(self, credits):
        """Takes credits out and gives their cost in millionths of a dollar."""
        cost = self.cost * credits // self.credits
        self.cost -= cost
        self.credits -= credits
        return cost


@dataclass
class Draw:
    """Credits that one entry took from one lot, with their cost."""

    lot: Lot
    entry: Entry
    credits: int
    cost: int

    def give_back(self, credits):
        """Returns credits to the lot, and exactly what they cost with them."""
        cost = self.cost - self.cost * (self.credits - credits) // self.credits
        self.credits -= credits
        self.cost -= cost
        self.lot.credits += credits
        self.lot.cost += cost


def list_price(credits):
    """The list price of a purchase, in millionths of a dollar."""
    return PACKAGES.get(credits, credits * LIST_MICRODOLLARS["sora-2"] // LIST_CREDITS["sora-2"])


def split(total, choices):
    """An amount by the first weights that weigh anything; running totals are rounded down."""
    weights = next((weights for weights in choices if sum(weights) > 0), [1] * len(choices[-1]))
    sign, running, given, parts = -1 if total < 0 else 1, 0, 0, []
    for weight in weights:
        running += weight
        share = abs(total) * running // sum(weights)
        parts.append(sign * (share - given))
        given = share
    return parts


def draws_by_batch(entries):
    """The draws of each batch's freezes, after everything that was given back; and what each row of a single video
    took or gave back in millionths of a dollar. Entries in their order."""
    _, draws, moved = lots_and_draws(entries)
    return draws, moved


def lots_and_draws(entries):
    """The same, with the lots as they are in the end."""
    lots, draws, singles, moved = [], {}, {}, {}
    for entry in entries:
        if entry.is_single_return and entry.credits > 0:
            own = singles.get(entry.reference, [])
            before = sum(draw.cost for draw in own)
            rest = give_back([draw for draw in own if draw.entry.model == entry.model], entry.credits)
            rest = give_back([draw for draw in own if draw.entry.model != entry.model], rest)
            moved[entry.id] = before - sum(draw.cost for draw in own)
            if rest > 0:
                lots.append(Lot(entry.bucket, rest, 0))
        elif entry.is_single and entry.credits < 0:
            taken = take(lots, entry)
            moved[entry.id] = sum(draw.cost for draw in taken)
            if entry.reference:
                singles.setdefault(entry.reference, []).extend(taken)
        elif entry.reference_type == "batch_refund" and entry.batch:
            own = draws.get(entry.batch.id, [])
            rest = give_back([draw for draw in own if draw.entry.model == entry.model], entry.credits)
            rest = give_back([draw for draw in own if draw.entry.model != entry.model], rest)
            if rest > 0:
                lots.append(Lot(entry.bucket, rest, 0))
        elif entry.credits > 0:
            price = list_price(entry.credits) if entry.price is None else entry.price
            lots.append(Lot(entry.bucket, entry.credits, price if entry.type == "purchase" else 0))
        elif entry.credits < 0:
            taken = take(lots, entry)
            if entry.batch:
                draws.setdefault(entry.batch.id, []).extend(taken)
        moved.setdefault(entry.id, 0)
    return lots, draws, moved


def take(lots, entry):
    """Draws an entry's credits: from its own bucket first, oldest lot first."""
    wanted, taken = -entry.credits, []
    own = [lot for lot in lots if lot.bucket == entry.bucket]
    for lot in own + [lot for lot in lots if lot.bucket != entry.bucket]:
        credits = min(wanted, lot.credits)
        if credits > 0:
            taken.append(Draw(lot, entry, credits, lot.take(credits)))
            wanted -= credits
    if wanted > 0:
        taken.append(Draw(Lot("", 0, 0), entry, wanted, 0))
    return taken


def give_back(draws, credits):
    """Gives credits back, last draw first; returns how many were never drawn."""
    for draw in reversed(draws):
        returned = min(credits, draw.credits)
        if returned > 0:
            draw.give_back(returned)
            credits -= returned
    return credits


# --------------------------------------------------------------------------------------------------
# The statement
# --------------------------------------------------------------------------------------------------


def dollars_text(microdollars):
    """Dollars with two decimals, half a cent up."""
    cents = (microdollars + 5_000) // 10_000
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02d}"


def unit_price_text(microdollars):
    """Dollars with two to six decimals."""
    digits = f"{microdollars % 1_000_000:06d}"
    return f"{microdollars // 1_000_000}.{digits[:2]}{digits[2:].rstrip('0')}"


def local_text(instant, zone):
    """An instant on the account's clock, with its offset."""
    return (EPOCH + timedelta(microseconds=instant)).astimezone(zone).isoformat(timespec="microseconds")


@dataclass
class UsageLine:
    """A model's line in usage.csv."""

    batches: int = 0
    items: int = 0
    succeeded: int = 0
    failed: int = 0
    frozen: int = 0
    refunded: int = 0
    spent: int = 0
    cost: int = 0


class Statement:
    """One account's month."""

    def __init__(self, ledger, account, month, now, cutoff):
        self.ledger, self.account, self.now, self.month = ledger, account, now, month
        self.user_id, self.zone = account["user_id"], ZoneInfo(account["timezone"])
        self.start, self.end = month_bounds(month, account["timezone"])
        self.cutoff = min(now, now if cutoff is None else cutoff)
        self.entries = [entry for entry in ledger.entries.get(self.user_id, []) if self.happened(entry.posted_at)]
        batches = sorted(ledger.batches.values(), key=lambda batch: batch.id)
        self.batches = [batch for batch in batches if batch.user_id == self.user_id]
        self.settled = [batch for batch in self.batches
                        if batch.settled_by(self.happened) and batch.settled_at >= self.start]

    def happened(self, instant):
        """Whether an instant is before the month's end, and not after the cutoff."""
        return instant < self.end and instant <= self.cutoff

    def before(self, instant):
        """Whether an instant is before the month, and not after the cutoff."""
        return instant < self.start and instant <= self.cutoff

    def held(self, happened):
        """Batches whose freeze is posted and which are not settled, with what they hold."""
        return [
            (batch, batch.frozen(happened) - batch.refunded(happened))
            for batch in self.batches
            if batch.frozen(happened) > max(0, batch.refunded(happened)) and not batch.settled_by(happened)
        ]

    def summary(self):
        """summary.csv"""
        lines = {"opening_balance": 0} | {line: 0 for line in SUMMARY_LINES.values()}
        for entry in self.entries:
            lines["opening_balance" if self.before(entry.posted_at) else SUMMARY_LINES[entry.line]] += entry.credits
        lines["closing_balance"] = sum(lines.values())
        lines["held_opening"] = sum(held for _, held in self.held(self.before))
        lines["held_closing"] = sum(held for _, held in self.held(self.happened))
        lines["delivered"] = sum(batch.delivered for batch in self.settled)
        month = [entry for entry in self.entries if entry.is_single and not self.before(entry.posted_at)]
        lines["single_videos"] = -sum(entry.credits for entry in month + self.single_returns())
        lines["unreconciled"] = (
            -lines["spent"] - lines["refunds"] - lines["delivered"] - lines["single_videos"]
            - (lines["held_closing"] - lines["held_opening"])
        )
        lines["expired_unbooked"], lines["unexplained"] = self.wallet_lines()
        return [[line, credits] for line, credits in lines.items()]

    def wallet_lines(self):
        """expired_unbooked and unexplained, both at the snapshot."""
        if self.ledger.wallets is None:
            return None, None
        wallet = self.ledger.wallets.get(self.user_id, {})
        bonus = int(wallet.get("bonus_credits") or 0)
        expires_at = parse_instant(wallet.get("bonus_expires_at"))
        expired = expires_at is not None and expires_at <= self.now
        booked = sum(entry.credits for entry in self.ledger.entries.get(self.user_id, []))
        return bonus if expired else 0, int(wallet.get("permanent_credits") or 0) + bonus - booked

    def entry_rows(self):
        """entries.csv"""
        balance, rows = 0, []
        for entry in self.entries:
            balance += entry.credits
            if not self.before(entry.posted_at):
                rows.append([
                    entry.id, local_text(entry.posted_at, self.zone), entry.type, entry.model, entry.bucket,
                    entry.credits, balance, entry.reference_type, entry.reference, None,
                ])
        return rows

    def usage_rows(self):
        """usage.csv"""
        lines, (draws, moved) = {}, draws_by_batch(self.entries)
        for batch in self.settled:
            for task in batch.tasks:
                line = lines.setdefault(task.model, UsageLine())
                line.items += 1
                line.succeeded += task.status == "succeeded"
                line.failed += task.status == "failed"
                line.spent += task.cost if task.status == "succeeded" else 0
            self.share(batch, draws.get(batch.id, []), lines)
            for model in {task.model for task in batch.tasks} or {""}:
                lines.setdefault(model, UsageLine()).batches += 1
        rows = []
        for source, models in (("batch", lines), ("single", self.single_lines(moved))):
            for model, line in sorted(models.items(), key=lambda item: item[0].encode()):
                price, amount = self.price_and_amount(model, line)
                rows.append([source, model, line.batches, line.items, line.succeeded, line.failed, line.frozen,
                             line.refunded, line.spent, price, amount])
        return rows

    def share(self, batch, draws, lines):
        """Adds what a batch's rows moved to its models' lines."""
        entries = [entry for entry in batch.freezes + batch.refunds if self.happened(entry.posted_at)]
        stated = {}
        for entry in entries:
            frozen, refunded = stated.get(entry.model, (0, 0))
            is_freeze = entry.reference_type == "batch_upfront"
            stated[entry.model] = (
                (frozen - entry.credits, refunded) if is_freeze else (frozen, refunded + entry.credits))
        models = sorted({task.model for task in batch.tasks}, key=str.encode)
        if not models:
            for model, (frozen, refunded) in stated.items():
                line = lines.setdefault(model, UsageLine())
                line.frozen, line.refunded = line.frozen + frozen, line.refunded + refunded
            for draw in draws:
                lines[draw.entry.model].cost += draw.cost
            return
        items = [sum(task.model == model for task in batch.tasks) for model in models]
        costs = [sum(task.cost for task in batch.tasks if task.model == model) for model in models]
        good = [sum(task.cost for task in batch.tasks if task.model == model and task.status == "succeeded")
                for model in models]
        bad = [cost - delivered for cost, delivered in zip(costs, good)]
        frozen = split(sum(taken for taken, _ in stated.values()), [costs, items])
        refunded = split(sum(back for _, back in stated.values()), [bad, costs, items])
        tasks_say = {model: pair for model, *pair in zip(models, costs, bad)}
        agree = len(models) > 1 and all(
            list(stated.get(model, (0, 0))) == tasks_say.get(model, [0, 0]) for model in set(models) | set(stated))
        if agree:
            dollars = [sum(draw.cost for draw in draws if draw.entry.model == model) for model in models]
        else:
            dollars = split(sum(draw.cost for draw in draws), [good, costs, items])
        for place, model in enumerate(models):
            lines[model].frozen += frozen[place]
            lines[model].refunded += refunded[place]
            lines[model].cost += dollars[place]

    def single_lines(self, moved):
        """The lines of videos without a batch, by the ledger's model."""
        lines, spends = {}, [entry for entry in self.entries if entry.is_single]
        for entry in spends:
            if not self.before(entry.posted_at):
                line = lines.setdefault(entry.own_model or "", UsageLine())
                line.items, line.succeeded = line.items + 1, line.succeeded + 1
                line.frozen -= entry.credits
                line.spent, line.cost = line.spent - entry.credits, line.cost + moved[entry.id]
        named = set()
        for entry in self.single_returns():
            named_by = [spend for spend in spends if spend.reference == entry.reference]
            own = sorted({spend.own_model or "" for spend in named_by}, key=str.encode)
            model = entry.own_model if entry.own_model in own else own[0]
            line = lines.setdefault(model, UsageLine())
            line.refunded, line.spent = line.refunded + entry.credits, line.spent - entry.credits
            line.cost -= moved[entry.id]
            named.add(entry.reference)
        for reference in named:
            earlier = any(entry.is_single_return and entry.reference == reference and self.before(entry.posted_at)
                          for entry in self.entries)
            for spend in spends:
                if spend.reference == reference and not (earlier and self.before(spend.posted_at)):
                    line = lines.setdefault(spend.own_model or "", UsageLine())
                    line.succeeded, line.failed = line.succeeded - 1, line.failed + 1
        return lines

    def single_returns(self):
        """Refunds of the month that give back single videos."""
        references = {entry.reference for entry in self.entries if entry.is_single and entry.reference}
        return [entry for entry in self.entries if entry.is_single_return and entry.reference in references
                and not self.before(entry.posted_at)]

    def price_and_amount(self, model, line):
        """The unit price and the amount of a usage line."""
        if self.account["plan"] == "prepaid":
            return None, dollars_text(line.cost)
        if model not in LIST_MICRODOLLARS:
            return None, None
        price = LIST_MICRODOLLARS[model]
        return unit_price_text(price), dollars_text(line.succeeded * price)

    def batch_rows(self):
        """batches.csv"""
        rows = []
        for batch in self.settled:
            frozen, refunded, spent = batch.frozen(self.happened), batch.refunded(self.happened), batch.delivered
            rows.append([
                batch.id, batch.request_id, instant_text(batch.created_at), instant_text(batch.settled_at),
                batch.status, len(batch.tasks), batch.count("succeeded"), batch.count("failed"), frozen, spent,
                refunded, frozen - refunded - spent,
            ])
        return rows

    def open_batch_rows(self):
        """open_batches.csv"""
        rows = []
        for batch, held in self.held(self.happened):
            ended = [task.status for task in batch.tasks if task.ended_at is not None and self.happened(task.ended_at)]
            is_still_open = batch.settled_at is None and batch.status in ("queued", "processing")
            rows.append([
                batch.id, batch.request_id, instant_text(batch.created_at), None,
                batch.status if is_still_open else "processing", len(batch.tasks), ended.count("succeeded"),
                ended.count("failed"), held + batch.refunded(self.happened), 0, batch.refunded(self.happened), held,
            ])
        return rows

    def write(self, folder):
        """Every table into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, columns, rows in (
            ("summary", "line credits", self.summary()),
            ("entries", "entry_id posted_at type model bucket credits balance reference_type reference_id description",
             self.entry_rows()),
            ("usage", "source model batches items succeeded failed credits_frozen credits_refunded credits_spent "
             "unit_price_usd amount_usd", self.usage_rows()),
            ("batches", "batch_id request_id created_at settled_at status items succeeded failed frozen spent refunded "
             "difference", self.batch_rows()),
            ("open_batches", "batch_id request_id created_at settled_at status items succeeded failed frozen spent "
             "refunded difference", self.open_batch_rows()),
        ):
            write_of(self.account["slug"], self.month, folder / f"{name}.csv", columns.split(), rows)


def write_of(slug, month, path, columns, rows):
    """A table of a statement: every row begins with whose it is, and of which month."""
    write_ordered(path, ["account", "month"] + columns, [[slug, month] + list(row) for row in rows])


def write_ordered(path, columns, rows):
    """A table whose rows are in their order already."""
    lines = [",".join(columns)] + [",".join(map(oracle.csv_cell, columns, row)) for row in rows]
    path.write_bytes(("\ufeff" + "".join(line + "\r\n" for line in lines)).encode())


def main(arguments=None):
    """The command line."""
    parser = argparse.ArgumentParser(description="Calculates the statements of a month from CSV files.")
    parser.add_argument("input", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--month", required=True)
    parser.add_argument("--now", type=parse_instant, default=INFINITY)
    parser.add_argument("--cutoff", type=parse_instant)
    parser.add_argument("--account")
    options = parser.parse_args(arguments)
    ledger = Ledger(options.input)
    for account in read_rows(options.input, "accounts") or []:
        if options.account in (None, account["slug"]):
            statement = Statement(ledger, account, options.month, options.now, options.cutoff)
            statement.write(options.output / f"statement-{account['slug']}-{options.month}")


if __name__ == "__main__":
    main()
