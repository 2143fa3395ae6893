"""What a deployment's tables say, read from CSV files for deployed.py: owners with their terms by month, batches, tasks, ledger, draws."""

import json
from collections import defaultdict
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from oracle import Profile, integer, month_bounds, number, parse_instant, read_rows, truth
from statement import list_price

FIRST = "0001-01"


def month_before(month):
    """The month before one (`2026-10`)."""
    year, number_ = int(month[:4]), int(month[5:7])
    return f"{year - 1}-12" if number_ == 1 else f"{year}-{number_ - 1:02d}"


def month_of(instant):
    """The months, by any zone, that an instant may lie in."""
    from oracle import DAY, instant_text
    return sorted({instant_text(instant + days * DAY)[:7] for days in (-2, 0, 2)})


class Owner:
    """An account, under the terms of each of its months. A month begins where the one before it ended by its own zone."""

    def __init__(self, row, terms, profiles):
        self.user_id, self.slug, self.profiles = row["user_id"], row["slug"], profiles
        self.terms = sorted(terms, key=lambda terms: terms["from_month"])

    def under(self, month):
        """The terms of a month."""
        return [terms for terms in self.terms if terms["from_month"][:7] <= month][-1]

    def period(self, month):
        """The two instants between which a month lies."""
        return (month_bounds(month, self.under(month_before(month))["time_zone"])[0],
                month_bounds(month, self.under(month)["time_zone"])[1])

    def profile(self, month):
        """The contract of a month."""
        return self.profiles[self.under(month)["contract_profile"]]

    def profile_at(self, instant):
        """The contract of the month that holds an instant."""
        for month in month_of(instant):
            start, end = self.period(month)
            if start <= instant < end:
                return self.profile(month)
        raise ValueError(f"no month of {self.slug} holds {instant}")


@dataclass
class Task:
    """A task; `ended_at` is None while it is open, however long ago that is."""

    id: str
    user_id: str
    model: str
    is_model_missing: bool
    batch: "Batch"
    index: int
    created_at: int
    status: str
    ended_at: int
    is_estimated: bool
    failure_type: str
    failure_reason: str

    @property
    def cost(self):
        """In credits."""
        return self.batch.cost_per_video if self.batch else 0

    def ended(self, at):
        """Whether it had ended at an instant."""
        return self.ended_at is not None and self.ended_at <= at

    def succeeded(self, at):
        """Whether it had succeeded at an instant."""
        return self.ended(at) and self.status == "succeeded"


@dataclass
class Batch:
    """A batch with its tasks and its ledger rows."""

    row: dict
    id: str
    user_id: str
    request_id: str
    status: str
    created_at: int
    cost_per_video: int
    frozen_credits: int
    settled_at: int = None
    tasks: list = field(default_factory=list)
    freezes: list = field(default_factory=list)
    refunds: list = field(default_factory=list)

    def frozen(self, at):
        """What its freeze rows had taken."""
        return -sum(entry.credits for entry in self.freezes if entry.posted_at <= at)

    def refunded(self, at):
        """What its refund rows had given back."""
        return sum(entry.credits for entry in self.refunds if entry.posted_at <= at)

    def settled(self, at):
        """Whether it was settled at an instant."""
        return self.settled_at is not None and self.settled_at <= at

    def delivered(self, at):
        """The cost of the tasks that had succeeded."""
        return sum(task.cost for task in self.tasks if task.succeeded(at))

    def all_ended(self, at):
        """Whether it has tasks, and all of them had ended."""
        return bool(self.tasks) and all(task.ended(at) for task in self.tasks)

    def owed(self, at):
        """What it froze and did not deliver, never below 0."""
        return max(0, self.frozen_credits - self.delivered(at))

    @property
    def last_ended_at(self):
        """When the last of its tasks ended."""
        return max(task.ended_at for task in self.tasks)

    @property
    def models(self):
        """The models of its tasks, bytewise."""
        return sorted({task.model for task in self.tasks}, key=str.encode)

    def charge(self, at):
        """What is wrong with what it was charged: the finding and the credits, or None."""
        frozen, refunded, delivered = self.frozen(at), self.refunded(at), self.delivered(at)
        if delivered > frozen - refunded:
            return "delivered_unpaid", delivered - (frozen - refunded)
        if self.settled(at) and delivered < frozen - refunded:
            return "charge_differs", frozen - refunded - delivered
        cost = sum(task.cost for task in self.tasks)
        if self.status != "queued" and frozen < cost:
            return "freeze_short", cost - frozen
        return None


@dataclass
class Entry:
    """A row of the ledger."""

    id: int
    user_id: str
    type: str
    own_model: str
    credits: int
    reference_type: str
    reference: str
    meta: dict
    posted_at: int
    price: int
    batch: Batch = None

    @property
    def model(self):
        """The model of the batch's tasks where there is one, else what the row says."""
        if self.batch and len(self.batch.models) == 1:
            return self.batch.models[0]
        return self.own_model or ""

    @property
    def is_expiry(self):
        """Bonus credit that expired, booked by a row."""
        return self.type == "adjust" and self.reference_type == "bonus_expiry"

    @property
    def is_single(self):
        """A video that was bought by itself."""
        return self.type == "spend" and self.reference_type != "batch_upfront"

    @property
    def bucket(self):
        """Which credit it moved."""
        if self.meta.get("bucket"):
            return self.meta["bucket"]
        is_bonus = (
            self.type == "bonus_grant" or self.is_expiry or self.meta.get("use_bonus") is True or self.reference_type == "bonus_credits"
            or (self.type == "adjust" and self.meta.get("credit_type") == "bonus"))
        return "bonus" if is_bonus else "permanent"


class Deployment:
    """All of it."""

    def __init__(self, folder):
        self.profiles = {data["name"]: Profile(data) for data in json.loads((folder / "profiles.json").read_text(encoding="utf-8"))}
        self.standard, terms = self.profiles["standard"], read_rows(folder, "terms")
        self.owners = {
            row["user_id"]: Owner(row, [line for line in terms if line["user_id"] == row["user_id"]], self.profiles)
            for row in read_rows(folder, "accounts")
        }
        prices = {row["entry_id"]: row["usd"] for row in read_rows(folder, "prices") or []}
        self.batches = {row["id"]: self.batch(row) for row in read_rows(folder, "batch_jobs")}
        self.tasks = [self.task(row) for row in read_rows(folder, "video_tasks")]
        self.entries = defaultdict(list)
        for row in read_rows(folder, "credit_ledger"):
            self.read_entry(row, prices)
        for entries in self.entries.values():
            entries.sort(key=lambda entry: (entry.posted_at, entry.id))
        for batch in self.batches.values():
            batch.refunds.sort(key=lambda entry: (entry.posted_at, entry.id))
            batch.settled_at = self.settled_at(batch)
        self.wallets = {row["user_id"]: row for row in read_rows(folder, "credit_wallet")}
        self.probes = [
            (parse_instant(row["probed_at"]), row["target"], truth(row["ok"])) for row in read_rows(folder, "probes")
        ]

    @staticmethod
    def batch(row):
        """A batch."""
        return Batch(
            row=row, id=row["id"], user_id=row["user_id"], request_id=row["request_id"], status=row["status"],
            created_at=parse_instant(row["created_at"]), cost_per_video=integer(row["cost_per_video"]),
            frozen_credits=integer(row["frozen_credits"]),
        )

    def task(self, row):
        """A task, given to its batch."""
        batch, has_ended = self.batches.get(row["batch_job_id"]), row["status"] in ("succeeded", "failed")
        owner, created_at = self.owners.get(row["user_id"]), parse_instant(row["created_at"])
        profile = owner.profile_at(created_at) if owner else self.standard
        task = Task(
            id=row["id"], user_id=row["user_id"], model=row["model"] or profile.default_model, is_model_missing=row["model"] is None, batch=batch,
            index=integer(row["batch_index"]), created_at=created_at, status=row["status"],
            ended_at=parse_instant(row["completed_at"] or row["updated_at"]) if has_ended else None,
            is_estimated=has_ended and row["completed_at"] is None, failure_type=row["failure_type"], failure_reason=row["failure_reason"],
        )
        if batch:
            batch.tasks.append(task)
        return task

    def read_entry(self, row, prices):
        """A ledger row, given to its owner and to its batch."""
        meta = json.loads(row["meta"], parse_float=str) if row["meta"] else {}
        usd = meta.get("usd", prices.get(row["id"]))
        batch = self.batches.get(row["ref_id"])
        is_own = batch and batch.user_id == row["user_id"] and row["ref_type"] in ("batch_upfront", "batch_refund")
        entry = Entry(
            id=int(row["id"]), user_id=row["user_id"], type=row["type"], own_model=row["model"], credits=int(row["credits_delta"]),
            reference_type=row["ref_type"], reference=row["ref_id"], meta=meta, posted_at=parse_instant(row["created_at"]),
            price=None if usd is None else int(number(usd) * 1_000_000 // 1), batch=batch if is_own else None,
        )
        self.entries[entry.user_id].append(entry)
        if is_own:
            (batch.freezes if entry.reference_type == "batch_upfront" else batch.refunds).append(entry)

    @staticmethod
    def settled_at(batch):
        """When a batch was settled, which nothing that is written later moves."""
        if batch.row["settlement_status"] not in ("finalized", "refunded"):
            return None
        if batch.row["completed_at"]:
            return parse_instant(batch.row["completed_at"])
        if batch.refunds:
            return batch.refunds[0].posted_at
        ended = [task.ended_at for task in batch.tasks if task.ended_at is not None]
        return max(ended) if ended else batch.created_at

    def slug(self, user_id):
        """The name of an owner in the tables."""
        return self.owners[user_id].slug if user_id in self.owners else "(none)"


@dataclass
class Draw:
    """What an entry took from a lot, and what of it has not come back."""

    source: int
    lot: list
    credits: int
    cost: int
    kept: int
    kept_cost: int
    entry: Entry


class Draws:
    """What credit cost: purchases first in, first out, bonus and gifts for nothing; a refund gives back what was taken."""

    def __init__(self, entries):
        # A lot is [bucket, entry, credits, cost].
        self.lots, self.by_batch, self.by_entry = [], defaultdict(list), defaultdict(list)
        for entry in entries:
            self.post(entry)

    def post(self, entry):
        """Takes over a row."""
        if entry.credits > 0:
            rest = entry.credits
            if entry.reference_type == "batch_refund" and entry.reference:
                rest = self.give_back(self.by_batch.get(entry.reference, []), rest)
            if rest:
                is_purchase = entry.type == "purchase"
                price = 0 if not is_purchase else list_price(rest) if entry.price is None else entry.price
                self.lots.append([entry.bucket, entry.id, rest, price])
        elif entry.credits < 0:
            taken = list(self.take(entry))
            self.by_entry[entry.id] = taken
            if entry.reference_type == "batch_upfront":
                self.by_batch[entry.reference] += taken

    def take(self, entry):
        """Draws on the entry's own bucket, oldest lot first, then on the other, then on nothing."""
        wanted = -entry.credits
        for is_own in (True, False):
            for lot in self.lots:
                credits = min(wanted, lot[2])
                if (lot[0] == entry.bucket) == is_own and credits > 0:
                    cost = lot[3] * credits // lot[2]
                    lot[2], lot[3], wanted = lot[2] - credits, lot[3] - cost, wanted - credits
                    yield Draw(lot[1], lot, credits, cost, credits, cost, entry)
        if wanted:
            yield Draw(None, None, wanted, 0, wanted, 0, entry)

    @staticmethod
    def give_back(draws, credits):
        """Gives back, the last draw first; returns what was never drawn."""
        for draw in reversed(draws):
            back = min(credits, draw.kept)
            if back:
                stays = draw.kept_cost * (draw.kept - back) // draw.kept
                if draw.lot:
                    draw.lot[2], draw.lot[3] = draw.lot[2] + back, draw.lot[3] + draw.kept_cost - stays
                draw.kept, draw.kept_cost, credits = draw.kept - back, stays, credits - back
        return credits
