#!/usr/bin/env python3
"""A second, independent calculation of the SLA report.

Reads a deployment from CSV files and writes the report's tables as CSV files, byte for byte as the
contract describes them. It is written to be checked by reading: plain loops over rows, integers and
fractions, no SQL, nothing clever. See README.md for the files and the command line.
"""

import argparse
import csv
import json
import math
import re
import sys
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from fractions import Fraction
from pathlib import Path
from zoneinfo import ZoneInfo

# --------------------------------------------------------------------------------------------------
# Instants: integers, microseconds since 1970-01-01T00:00:00Z
# --------------------------------------------------------------------------------------------------

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
INFINITY = 10**20

INSTANT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?"
    r"(?:Z|([+-])(\d\d)(?::?(\d\d))?)"
)


def parse_instant(text):
    """The instant that PostgreSQL or ISO 8601 text names; None for None."""
    if text is None:
        return None
    if text in ("infinity", "-infinity"):
        return INFINITY if text == "infinity" else -INFINITY
    match = INSTANT.fullmatch(text.strip())
    if not match:
        raise ValueError(f"not an instant: {text!r}")
    year, month, day, hour, minute, second, fraction, sign, zone_hours, zone_minutes = match.groups()
    local = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second or 0), tzinfo=timezone.utc)
    instant = (local - EPOCH) // timedelta(microseconds=1) + int((fraction or "0").ljust(6, "0"))
    offset = int(zone_hours or 0) * HOUR + int(zone_minutes or 0) * MINUTE
    return instant + offset if sign == "-" else instant - offset


def instant_text(instant):
    """`2026-10-01T04:00:00.000000+00:00`; empty for None."""
    if instant is None:
        return ""
    moment = EPOCH + timedelta(microseconds=instant)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f+00:00")


def month_bounds(month, zone_name):
    """The two instants between which the month (`2026-10`) lies in a zone.

    Each is the first instant whose local date is the first of the month. Every clock change since
    2024 falls on a whole minute, so the minutes around the date's beginning are tried one by one.
    """
    zone = ZoneInfo(zone_name)
    year, number = int(month[:4]), int(month[5:7])
    following = (year + 1, 1) if number == 12 else (year, number + 1)

    def first_instant(date):
        moment = datetime(*date, 1, tzinfo=timezone.utc) - timedelta(hours=16)
        while True:
            local = moment.astimezone(zone)
            if (local.year, local.month) == date:
                return (moment - EPOCH) // timedelta(microseconds=1)
            moment += timedelta(minutes=1)

    return first_instant((year, number)), first_instant(following)


# --------------------------------------------------------------------------------------------------
# How values are written
# --------------------------------------------------------------------------------------------------

TEXT_COLUMNS = {
    "account", "batch_id", "class", "clock", "component", "detail", "failure_type", "kind", "model",
    "promise", "reason", "reference", "state", "status", "subject", "task_id", "verdict",
}


def four_decimals(value):
    """A fraction that is not negative, floored to four decimals."""
    units = math.floor(value * 10_000)
    return f"{units // 10_000}.{units % 10_000:04d}"


def percent_text(part, whole):
    """100 · part / whole; empty where there is no whole."""
    return four_decimals(Fraction(100 * part, whole)) if whole else ""


def target_text(target):
    """A target in percent; empty where there is none."""
    return "" if target is None else four_decimals(target)


def seconds_text(duration):
    """Microseconds as seconds, rounded up to three decimals."""
    if duration is None:
        return ""
    if duration == math.inf:
        return ""
    thousandths = -(-duration // 1000)
    sign = "-" if thousandths < 0 else ""
    return f"{sign}{abs(thousandths) // 1000}.{abs(thousandths) % 1000:03d}"


def dollars_text(cents):
    """Cents as dollars with two decimals."""
    return f"{cents // 100}.{cents % 100:02d}"


def csv_cell(column, value):
    """One cell as RFC 4180 wants it, text cells disarmed."""
    text = "" if value is None else str(value)
    if column in TEXT_COLUMNS and text.startswith(("=", "+", "-", "@", "\t", "\r")):
        text = "'" + text
    if any(character in text for character in ',"\r\n'):
        text = '"' + text.replace('"', '""') + '"'
    return text


def slug_order(slug):
    """What a slug is ordered by: numbers by their value, everything else by its bytes, and last of all the bytes."""
    parts = re.findall(r"[0-9]+|[^0-9]", slug)
    return [(ord("0"), int(part)) if part.isdigit() else (ord(part), 0) for part in parts], slug.encode()


def write_table(folder, name, columns, rows):
    """A table in its order: by the columns, from the first to the last, empty first; slugs as people count."""
    rows = [["" if value is None else value for value in row] for row in rows]
    rows.sort(key=lambda row: [
        slug_order(value) if column == "account" else ([], str(value).encode()) for column, value in zip(columns, row)
    ])
    lines = [",".join(columns)]
    lines += [",".join(map(csv_cell, columns, row)) for row in rows]
    content = "\ufeff" + "".join(line + "\r\n" for line in lines)
    (folder / f"{name}.csv").write_bytes(content.encode())


# --------------------------------------------------------------------------------------------------
# Contracts: profiles and accounts
# --------------------------------------------------------------------------------------------------

PASS, BREACH = "pass", "breach"
NOT_APPLICABLE, INSUFFICIENT = "not applicable", "insufficient data"
NO_ACCOUNT = "(none)"


def number(value):
    """An exact number from JSON or CSV; None for None."""
    return None if value is None else Fraction(str(value))


class Profile:
    """A contract profile: what is promised, and by which rules it is judged."""

    def __init__(self, data):
        availability = data["availability"]
        completion = data["completion"]
        self.name = data["name"]
        self.zone = data["time_zone"]
        self.availability_target = number(availability["target_percent"])
        self.monitored_percent = number(availability["monitored_percent"])
        self.notice = number(availability["maintenance_notice_hours"]) * HOUR
        self.clock = completion["clock"]
        self.exclusions = set(completion["exclusions"])
        self.default_model = data.get("default_model", "sora-2")
        self.targets = {model: number(terms.get("target_percent")) for model, terms in completion["models"].items()}
        self.limits = {
            model: number(terms["limit_seconds"]) * SECOND
            for model, terms in completion["models"].items()
            if terms.get("limit_seconds") is not None
        }
        self.refund_deadline = number(data["refund_deadline_seconds"]) * SECOND
        self.stuck_after = number(data["stuck_after_hours"]) * HOUR
        self.tiers = [
            (number(tier["from_percent"]), number(tier["below_percent"]), number(tier["credit_percent"]))
            for tier in data["service_credits"]
        ]


@dataclass
class Account:
    """An enterprise customer."""

    user_id: str
    slug: str
    zone: str
    fee: Fraction
    profile: Profile


class Row(dict):
    """A row of a CSV file. A column that the file lacks is null."""

    def __missing__(self, column):
        return None


def read_rows(folder, name):
    """The rows of a CSV file, empty cells as None; None where there is no such file."""
    path = folder / f"{name}.csv"
    if not path.exists():
        return None
    csv.field_size_limit(2**31 - 1)
    with path.open(encoding="utf-8-sig", newline="") as file:
        return [Row((column, cell or None) for column, cell in row.items()) for row in csv.DictReader(file)]


def read_contracts(folder):
    """The standard profile, and the accounts by user."""
    profiles = {}
    for data in json.loads((folder / "profiles.json").read_text(encoding="utf-8")):
        profiles[data["name"]] = Profile(data)
    accounts = {}
    for row in read_rows(folder, "accounts") or []:
        accounts[row["user_id"]] = Account(
            user_id=row["user_id"],
            slug=row["slug"],
            zone=row["timezone"],
            fee=number(row["monthly_fee_usd"] or "0"),
            profile=profiles[row["contract_profile"] or "standard"],
        )
    return profiles["standard"], accounts


# --------------------------------------------------------------------------------------------------
# The deployment as it was at the cutoff
# --------------------------------------------------------------------------------------------------

CLOCKS = ("accept", "dispatch")


@dataclass
class Batch:
    """A batch with its tasks and its ledger rows."""

    id: str
    user_id: str
    request_id: str
    created_at: int
    frozen_credits: int
    cost_per_video: int
    status: str
    settlement_status: str
    completed_at: int
    settled: bool
    has_webhook: bool
    webhook_known: bool
    webhook_sent: bool
    tasks: list = field(default_factory=list)
    freezes: list = field(default_factory=list)
    refunds: list = field(default_factory=list)

    @property
    def all_ended(self):
        """Whether it has tasks and every one of them is terminal."""
        return bool(self.tasks) and all(task.ended for task in self.tasks)

    @property
    def last_terminal(self):
        """The instant at which its last task became terminal."""
        return max(task.terminal for task in self.tasks)

    @property
    def delivered(self):
        """The cost of its succeeded tasks."""
        return sum(task.cost for task in self.tasks if task.succeeded)

    @property
    def owed(self):
        """What it froze and did not deliver, never below 0."""
        return max(0, self.frozen_credits - self.delivered)

    @property
    def cost(self):
        """The cost of all its tasks."""
        return sum(task.cost for task in self.tasks)

    @property
    def begun(self):
        """Whether it has tasks and left the queue."""
        return bool(self.tasks) and self.status != "queued"

    @property
    def charge(self):
        """What is wrong with what it was charged, one finding a batch; None where nothing is."""
        paid = self.charged - self.refunded
        if self.delivered > paid:
            return "delivered_unpaid"
        if self.settled and self.delivered < paid:
            return "charge_differs"
        return "freeze_short" if self.status != "queued" and self.charged < self.cost else None

    @property
    def charged(self):
        """What its freeze rows took."""
        return -sum(entry.credits for entry in self.freezes)

    @property
    def refunded(self):
        """What its refund rows gave back."""
        return sum(entry.credits for entry in self.refunds)


@dataclass
class Entry:
    """A row of the ledger."""

    id: str
    user_id: str
    credits: int
    reference_type: str
    reference: str
    posted_at: int


@dataclass
class Task:
    """A task. `terminal` is None while it is open at the cutoff."""

    id: str
    user_id: str
    model: str
    model_missing: bool
    batch: Batch
    batch_index: int
    accepted_at: int
    dispatched_at: int
    terminal: int
    estimated: bool
    instant_missing: bool
    status: str
    failure_type: str
    failure_reason: str
    cancelled_at: int
    cost: int

    @property
    def ended(self):
        """Whether it is terminal at the cutoff."""
        return self.terminal is not None

    @property
    def succeeded(self):
        """Whether it has succeeded at the cutoff."""
        return self.ended and self.status == "succeeded"

    def start(self, clock):
        """The instant at which one of the clocks starts."""
        return self.accepted_at if clock == "accept" else self.dispatched_at


def integer(text):
    """An integer; None for None."""
    return None if text is None else int(text)


def truth(text):
    """A boolean as PostgreSQL or a person writes it."""
    return text is not None and text.lower() in ("t", "true", "1", "yes")


class Books:
    """Every row that was there at the cutoff, in the state it then had."""

    def __init__(self, folder, cutoff, default_model):
        self.folder, self.cutoff, self.default_model = folder, cutoff, default_model
        self.first_refunds, self.last_ends = {}, {}
        self.missing_tables = []
        self.read_batches()
        self.read_ledger()
        self.read_tasks()
        self.settle()
        self.read_monitoring()

    def rows(self, table):
        """The rows of a table of the deployment; its absence is remembered."""
        rows = read_rows(self.folder, table)
        if rows is None:
            self.missing_tables.append(table)
        return rows or []

    def happened(self, instant):
        """Whether an instant is known and not after the cutoff."""
        return instant is not None and instant <= self.cutoff

    def read_batches(self):
        """Batches by id."""
        self.batches = {}
        for row in self.rows("batch_jobs"):
            created_at = parse_instant(row["created_at"])
            if not self.happened(created_at):
                continue
            self.batches[row["id"]] = Batch(
                id=row["id"],
                user_id=row["user_id"],
                request_id=row["request_id"],
                created_at=created_at,
                frozen_credits=integer(row["frozen_credits"]) or 0,
                cost_per_video=integer(row["cost_per_video"]) or 0,
                status=row["status"],
                settlement_status=row["settlement_status"],
                completed_at=parse_instant(row["completed_at"]),
                settled=False,
                has_webhook=row["webhook_url"] is not None,
                webhook_known=row["webhook_status"] is not None,
                webhook_sent=row["webhook_status"] == "sent",
            )

    def read_ledger(self):
        """Freeze and refund rows, given to their batches; freezes of no batch stand apart."""
        self.stray_freezes = []
        for row in self.rows("credit_ledger"):
            entry = Entry(
                id=row["id"],
                user_id=row["user_id"],
                credits=int(row["credits_delta"]),
                reference_type=row["ref_type"],
                reference=row["ref_id"],
                posted_at=parse_instant(row["created_at"]),
            )
            batch = self.batches.get(entry.reference)
            if entry.reference_type == "batch_refund" and batch and batch.user_id == entry.user_id:
                self.first_refunds.setdefault(batch.id, []).append(entry.posted_at)
            if not self.happened(entry.posted_at):
                continue
            if entry.reference_type == "batch_upfront":
                (batch.freezes if batch else self.stray_freezes).append(entry)
            elif entry.reference_type == "batch_refund" and batch:
                batch.refunds.append(entry)

    def read_tasks(self):
        """Tasks, each with its batch and with what was captured about it."""
        facts = {(row["user_id"], row["task_id"]): row for row in read_rows(self.folder, "task_facts") or []}
        self.tasks, self.undated = [], []
        for row in self.rows("video_tasks"):
            accepted_at = parse_instant(row["created_at"])
            if accepted_at is not None and accepted_at > self.cutoff:
                continue
            fact = facts.get((row["user_id"], row["id"]), Row())
            batch = self.batches.get(row["batch_job_id"])
            status = row["status"]
            terminal, estimated = self.terminal_instant(row, fact)
            if batch and terminal is not None:
                self.last_ends[batch.id] = max(terminal, self.last_ends.get(batch.id, terminal))
            has_ended_status = status in ("succeeded", "failed")
            ended = has_ended_status and self.happened(terminal)
            cancelled_at = parse_instant(fact["cancelled_at"])
            cost = integer(fact["cost_credits"])
            if cost is None:
                cost = batch.cost_per_video if batch else 0
            if not ended:
                status = "pending" if status == "pending" else "processing"
            task = Task(
                id=row["id"],
                user_id=row["user_id"],
                model=row["model"] or self.default_model(row["user_id"]),
                model_missing=not row["model"],
                batch=batch,
                batch_index=integer(row["batch_index"]),
                accepted_at=accepted_at,
                dispatched_at=parse_instant(fact["dispatched_at"] or row["created_at"]),
                terminal=terminal if ended else None,
                estimated=ended and estimated,
                instant_missing=has_ended_status and terminal is None,
                status=status,
                failure_type=row["failure_type"] if ended else None,
                failure_reason=row["failure_reason"] if ended else None,
                cancelled_at=cancelled_at if self.happened(cancelled_at) else None,
                cost=cost,
            )
            if batch:
                batch.tasks.append(task)
            (self.undated if accepted_at is None else self.tasks).append(task)

    @staticmethod
    def terminal_instant(row, fact):
        """When a task ended, and whether that had to be estimated."""
        if row["completed_at"]:
            return parse_instant(row["completed_at"]), False
        if fact["terminal_at"]:
            return parse_instant(fact["terminal_at"]), truth(fact["terminal_estimated"])
        return parse_instant(row["updated_at"]), True

    def settle(self):
        """Which batches are settled: by completed_at, else the first refund, else the end of the last task."""
        for batch in self.batches.values():
            if batch.settlement_status in ("finalized", "refunded"):
                settled_at = batch.completed_at
                if settled_at is None and batch.id in self.first_refunds:
                    settled_at = min(self.first_refunds[batch.id])
                elif settled_at is None:
                    settled_at = self.last_ends.get(batch.id, batch.created_at)
                batch.settled = self.happened(settled_at)

    def read_monitoring(self):
        """Probes by component and minute, maintenance windows, provider outages."""
        self.probes, self.first_probe = {}, {}
        for row in read_rows(self.folder, "probes") or []:
            probed_at, component = parse_instant(row["probed_at"]), row["target"]
            minutes = self.probes.setdefault(component, {})
            minute = probed_at // MINUTE
            minutes[minute] = minutes.get(minute, False) or truth(row["ok"])
            self.first_probe[component] = min(probed_at, self.first_probe.get(component, probed_at))
        self.maintenance = [
            tuple(parse_instant(row[column]) for column in ("starts_at", "ends_at", "announced_at"))
            for row in read_rows(self.folder, "maintenance") or []
        ]
        self.outages = [
            (row["model"], parse_instant(row["starts_at"]), parse_instant(row["ends_at"]))
            for row in read_rows(self.folder, "outages") or []
        ]


# --------------------------------------------------------------------------------------------------
# A. Availability
# --------------------------------------------------------------------------------------------------


@dataclass
class Component:
    """The minutes of one probed target."""

    name: str
    total: int
    monitored: int = 0
    down: int = 0
    excluded: int = 0

    @property
    def counted(self):
        """Down minutes that no maintenance window excuses."""
        return self.down - self.excluded

    @property
    def up(self):
        """Minutes that count as available."""
        return self.total - self.counted

    def sufficient(self, profile):
        """Whether enough minutes were monitored."""
        return 100 * self.monitored >= profile.monitored_percent * self.total

    def attained(self, profile):
        """Attained in percent; empty where too few minutes were monitored."""
        return percent_text(self.up, self.total) if self.sufficient(profile) else ""

    def verdict(self, profile):
        """Too little monitoring comes before the target."""
        if self.total == 0:
            return NOT_APPLICABLE
        if not self.sufficient(profile):
            return INSUFFICIENT
        return PASS if 100 * self.up >= profile.availability_target * self.total else BREACH


def covered(start, end, windows):
    """Whether [start, end) lies in the union of half-open windows."""
    for window_start, window_end in sorted(windows):
        if window_start <= start < window_end:
            start = window_end
    return start >= end


def availability(books, month_start, month_end, profile):
    """The minutes of every component between two instants, as far as they lie before the cutoff."""
    first = -(-month_start // MINUTE)
    last = min(month_end, books.cutoff) // MINUTE
    windows = [
        (starts, ends)
        for starts, ends, announced in books.maintenance
        if announced is not None and starts - announced >= profile.notice
    ]
    components = []
    for name in sorted(books.probes):
        if books.first_probe[name] >= last * MINUTE:
            continue
        component = Component(name, total=max(0, last - first))
        for minute in range(first, last):
            up = books.probes[name].get(minute)
            if up is None:
                continue
            component.monitored += 1
            if not up:
                component.down += 1
                component.excluded += covered(minute * MINUTE, (minute + 1) * MINUTE, windows)
        components.append(component)
    return components


# --------------------------------------------------------------------------------------------------
# B. Completion
# --------------------------------------------------------------------------------------------------

BAD = ("late", "failed", "timed_out", "cancelled_late", "in_flight_over")
PROVIDER_CAUSES = ("model_error", "network", "timeout")


def classify(task, clock, profile, books):
    """The class of a task under a clock, and the reason where that is `excluded`."""
    start = task.start(clock)
    limit = profile.limits.get(task.model, math.inf)
    if not task.ended:
        return ("in_flight_over" if books.cutoff - start > limit else "undetermined"), None
    if task.terminal < start:
        return "excluded", "clock_error"
    if task.succeeded:
        return ("good" if task.terminal - start <= limit else "late"), None
    if "input_refused" in profile.exclusions:
        if task.failure_reason == "input_moderation" or task.failure_type == "param_error":
            return "excluded", "input_refused"
    if task.cancelled_at is not None:
        if task.cancelled_at - start > limit:
            return "cancelled_late", None
        if "cancelled" in profile.exclusions:
            return "excluded", "cancelled"
    if "provider_outage" in profile.exclusions and task.failure_type in PROVIDER_CAUSES:
        for model, starts, ends in books.outages:
            if model == task.model and starts <= task.terminal and (ends is None or task.terminal < ends):
                return "excluded", "provider_outage"
    return ("timed_out" if task.failure_type == "timeout" else "failed"), None


@dataclass
class Completion:
    """The counts of one row of the completion table."""

    counts: dict = field(default_factory=dict)
    durations: list = field(default_factory=list)

    def add(self, task_class, duration):
        """Count a task; `duration` is infinite for one that never succeeded."""
        self.counts[task_class] = self.counts.get(task_class, 0) + 1
        if task_class == "good" or task_class in BAD:
            self.durations.append(duration)

    @property
    def good(self):
        """Tasks that kept the promise."""
        return self.counts.get("good", 0)

    @property
    def valid(self):
        """Good and bad tasks together."""
        return len(self.durations)

    def percentile(self, percent):
        """Nearest rank over the valid tasks; None where there is none."""
        if not self.durations:
            return None
        rank = max(1, -(-percent * self.valid // 100))
        return sorted(self.durations)[rank - 1]


def ratio_verdict(good, valid, target, extra=0):
    """pass ⇔ 100·good ≥ target·valid; not applicable without a target or anything to judge.

    `extra` is by how many hundredths more may fail, where some of the items are under another target.
    """
    if target is None or valid == 0:
        return NOT_APPLICABLE
    return PASS if 100 * good + extra >= target * valid else BREACH


# --------------------------------------------------------------------------------------------------
# C. Refunds
# --------------------------------------------------------------------------------------------------


def refund_class(batch, profile, cutoff):
    """The class of a batch's refund; None where it owes and was refunded nothing, or has no tasks."""
    if not batch.tasks:
        return None
    if not batch.all_ended:
        return "stuck" if cutoff - batch.created_at > profile.stuck_after else "pending"
    owed, refunded = batch.owed, batch.refunded
    if refunded > owed:
        return "over_refunded"
    if owed == 0:
        return None
    if refunded < owed and cutoff - batch.last_terminal <= profile.refund_deadline:
        return "pending"
    if refunded <= 0:
        return "missing"
    if refunded < owed:
        return "partial"
    return "on_time" if seconds_to_refund(batch) <= profile.refund_deadline else "late"


def seconds_to_refund(batch):
    """From the last task's end to the last refund row, in microseconds; None where one is lacking."""
    if not batch.all_ended or not batch.refunds:
        return None
    return max(entry.posted_at for entry in batch.refunds) - batch.last_terminal


# --------------------------------------------------------------------------------------------------
# Budgets
# --------------------------------------------------------------------------------------------------


@dataclass
class Span:
    """How far a month has come: whole minutes, and whether it is over, or final."""

    elapsed: int
    total: int
    over: bool
    final: bool

    @classmethod
    def of(cls, start, end, cutoff, finality):
        """The span of a month at a cutoff."""
        elapsed = min(end, cutoff) // MINUTE - start // MINUTE
        return cls(max(0, elapsed), end // MINUTE - start // MINUTE, cutoff >= end, cutoff >= finality)


def budget_cells(target, base, spent, valid, span, of_minutes, state, extra=0):
    """allowed to state: `base` is what the target lets fail a share of, `valid` what there was up to now."""
    elapsed = percent_text(span.elapsed, span.total)
    if target is None:
        return ["", spent, "", "", elapsed, "", ""]
    allowance = (Fraction(base) * (100 - target) + extra) / 100
    allowed = math.floor(allowance)
    share = burn = ""
    if allowance:
        share = four_decimals(100 * spent / allowance)
        if of_minutes and span.elapsed:
            burn = four_decimals((spent / allowance) / Fraction(span.elapsed, span.total))
        elif not of_minutes:
            burn = four_decimals(spent / allowance)
    return [allowed, spent, allowed - spent, share, elapsed, burn, state if valid else ""]


def minutes_state(component, profile, span):
    """The state of a component's budget: what the rest of the month may bring is tried out."""
    if not component.sufficient(profile):
        return INSUFFICIENT
    passes = lambda counted: 100 * (span.total - counted) >= profile.availability_target * span.total
    rest = span.total - span.elapsed
    if not passes(component.counted):
        return "lost"
    always_monitored = 100 * component.monitored >= profile.monitored_percent * span.total
    if passes(component.counted + rest) and always_monitored:
        return "kept"
    return "at risk" if 100 * component.up < profile.availability_target * component.total else "on track"


def items_state(target, good, valid, undetermined, span, extra=0):
    """The state of a budget of items."""
    if target is None:
        return ""
    passes = lambda good, valid: 100 * good + extra >= target * valid
    if span.final:
        return "kept" if passes(good, valid) else "lost"
    if target == 100 and not passes(good, valid):
        return "lost"
    if span.over:
        ends = [passes(good + kept, valid + undetermined) for kept in (0, undetermined)]
        if ends == [True, True]:
            return "kept"
        if ends == [False, False]:
            return "lost"
    elif target == 0 and passes(good, valid):
        return "kept"
    if passes(good, valid):
        return "on track"
    needed = math.ceil((target * valid - 100 * good - extra) / (100 - target))
    return "recoverable (needs 1 success)" if needed == 1 else f"recoverable (needs {needed} successes in a row)"


# --------------------------------------------------------------------------------------------------
# The report
# --------------------------------------------------------------------------------------------------


class Report:
    """All tables of a month, for everybody or for one account."""

    def __init__(self, folder, month, now, cutoff=None, slug=None):
        self.month = month
        self.standard, self.accounts = read_contracts(folder)
        self.only = None
        if slug is not None:
            found = [account for account in self.accounts.values() if account.slug == slug]
            if not found:
                raise SystemExit(f"there is no account {slug}")
            self.only = found[0]
            self.accounts = {self.only.user_id: self.only}
        self.profile = self.only.profile if self.only else self.standard
        self.start, self.end = month_bounds(month, self.only.zone if self.only else self.standard.zone)
        self.finality = self.finality_instant()
        self.cutoff = min(now, self.finality) if cutoff is None else cutoff
        if self.cutoff > now:
            raise SystemExit("the cutoff lies after the snapshot")
        self.books = Books(folder, self.cutoff, lambda user: self.profile_of(user).default_model)
        self.choose_rows()

    def finality_instant(self):
        """Month end + longest completion limit of the report's profiles + 24 h."""
        profiles = [self.standard] + [account.profile for account in self.accounts.values()]
        limits = [limit for profile in profiles for limit in profile.limits.values()]
        return self.end + math.ceil(max(limits, default=0)) + DAY

    def choose_rows(self):
        """The month's batches, and the tasks whose judging clock starts in the month."""
        self.batches = [
            batch
            for batch in self.books.batches.values()
            if self.concerns(batch.user_id) and self.in_month(batch.created_at)
        ]
        self.batches.sort(key=lambda batch: batch.id)
        own_tasks = [task for task in self.books.tasks if self.concerns(task.user_id)]
        judged = [task for task in own_tasks if self.counts_under(task, self.profile_of(task.user_id).clock)]
        self.with_batch = [task for task in own_tasks if task.batch]
        self.items = [task for task in judged if task.batch]
        self.loose = [task for task in judged if not task.batch]

    # Who and when

    def concerns(self, user_id):
        """Whether an owner's rows belong in this report."""
        return self.only is None or user_id == self.only.user_id

    def in_month(self, instant):
        """Whether an instant lies in the month, as far as it has happened."""
        return self.start <= instant < self.end and instant <= self.cutoff

    def counts_under(self, task, clock):
        """Whether a task is one of the month's under a clock."""
        return self.in_month(task.start(clock))

    def slug(self, user_id):
        """The name of an owner in the tables."""
        return self.accounts[user_id].slug if user_id in self.accounts else NO_ACCOUNT

    def profile_of(self, user_id):
        """The contract that an owner's rows are judged by."""
        return self.accounts[user_id].profile if user_id in self.accounts else self.standard

    def profile_of_slug(self, slug):
        """The contract that a row of a table is judged by: the standard one for everybody."""
        for account in self.accounts.values():
            if account.slug == slug:
                return account.profile
        return self.standard

    def groups(self, user_id):
        """The accounts under which an owner's rows are listed; the empty one is everybody."""
        return [self.slug(user_id)] if self.only else ["", self.slug(user_id)]

    def batches_by_account(self):
        """The month's batches of the widest view, which is always listed, and of each account that has some."""
        grouped = {self.only.slug if self.only else "": []}
        for batch in self.batches:
            for account in self.groups(batch.user_id):
                grouped.setdefault(account, []).append(batch)
        return grouped

    # Tables

    def availability_rows(self):
        """availability.csv"""
        for component in availability(self.books, self.start, self.end, self.profile):
            unmonitored = component.total - component.monitored
            yield [
                component.name, component.total, component.monitored, component.down, component.excluded,
                component.counted, component.attained(self.profile),
                percent_text(component.up - unmonitored, component.total), component.verdict(self.profile),
            ]

    def completions(self):
        """The counts by (account, model, clock). A pair that has a row has one for both clocks."""
        grouped = {}
        for task in self.with_batch:
            profile = self.profile_of(task.user_id)
            for clock in CLOCKS:
                if not self.counts_under(task, clock):
                    continue
                task_class, _ = classify(task, clock, profile, self.books)
                duration = task.terminal - task.start(clock) if task.succeeded else math.inf
                for account in self.groups(task.user_id):
                    for either in CLOCKS:
                        grouped.setdefault((account, task.model, either), Completion())
                    grouped[account, task.model, clock].add(task_class, duration)
        return grouped

    def completion_rows(self):
        """completion.csv"""
        for (account, model, clock), row in self.completions().items():
            profile = self.profile_of_slug(account)
            target = profile.targets.get(model) if clock == profile.clock else None
            counts = [row.counts.get(name, 0) for name in ("good",) + BAD + ("excluded", "undetermined")]
            percentiles = [seconds_text(row.percentile(percent)) for percent in (50, 90, 95, 99, 100)]
            yield [
                account, model, clock, row.valid, *counts, percent_text(row.good, row.valid),
                ratio_verdict(row.good, row.valid, target),
                percent_text(row.good + row.counts.get("late", 0), row.valid), *percentiles,
            ]

    def refund_class(self, batch):
        """The class of a batch's refund under its owner's contract."""
        return refund_class(batch, self.profile_of(batch.user_id), self.cutoff)

    def refund_rows(self):
        """refunds.csv"""
        for account, batches in self.batches_by_account().items():
            classes = [self.refund_class(batch) for batch in batches]
            obliged = [batch for batch, name in zip(batches, classes) if name not in (None, "pending")]
            names = ("on_time", "late", "partial", "missing", "over_refunded", "stuck", "pending")
            on_time = classes.count("on_time")
            yield [
                account, len(batches), len(obliged), *[classes.count(name) for name in names],
                sum(batch.owed for batch in obliged), sum(batch.refunded for batch in obliged),
                percent_text(on_time, len(obliged)), ratio_verdict(on_time, len(obliged), 100),
            ]

    def refund_exception_rows(self):
        """refund_exceptions.csv"""
        for batch in self.batches:
            name = self.refund_class(batch)
            if name not in (None, "pending", "on_time"):
                yield [
                    self.slug(batch.user_id), batch.id, name, batch.owed, batch.refunded,
                    seconds_text(seconds_to_refund(batch)),
                ]

    def refund_rate_rows(self):
        """refund_rates.csv"""
        grouped = {}
        for task in self.items:
            if task.ended:
                for account in self.groups(task.user_id):
                    grouped.setdefault((account, task.model), []).append(task)
        for (account, model), tasks in grouped.items():
            refunded = [task for task in tasks if not task.succeeded]
            frozen_credits = sum(task.cost for task in tasks)
            refunded_credits = sum(task.cost for task in refunded)
            yield [
                account, model, len(tasks), len(refunded), percent_text(len(refunded), len(tasks)),
                frozen_credits, refunded_credits, percent_text(refunded_credits, frozen_credits),
            ]

    def repeated_keys(self, batches):
        """The keys of some of the month's batches that have several, of whatever month."""
        uses = {}
        for batch in self.books.batches.values():
            key = (batch.user_id, batch.request_id)
            uses[key] = uses.get(key, 0) + 1
        return [key for key in {(batch.user_id, batch.request_id) for batch in batches} if key[1] is not None and uses[key] > 1]

    def idempotency(self, batches):
        """Keys seen, keys replayed and violations among some of the month's batches.

        The request log is unique by key and request, so that it cannot hold a replay.
        """
        keys = {(batch.user_id, batch.request_id) for batch in batches if batch.request_id is not None}
        violations = len(self.repeated_keys(batches))
        violations += sum(batch.charged > batch.frozen_credits for batch in batches)
        if violations:
            verdict = BREACH
        else:
            verdict = PASS if keys else NOT_APPLICABLE
        return len(keys), None, violations, verdict

    def idempotency_rows(self):
        """idempotency.csv"""
        yield list(self.idempotency(self.batches))

    def promise_rows(self):
        """promises.csv"""
        for component in availability(self.books, self.start, self.end, self.profile):
            yield [
                "availability", "", component.name, target_text(self.profile.availability_target), component.up,
                component.total, component.attained(self.profile), component.verdict(self.profile),
            ]
        for (account, model, clock), row in self.completions().items():
            profile = self.profile_of_slug(account)
            if clock == profile.clock:
                target = profile.targets.get(model)
                yield [
                    "completion", account, model, target_text(target), row.good, row.valid,
                    percent_text(row.good, row.valid), ratio_verdict(row.good, row.valid, target),
                ]
        for account, batches in self.batches_by_account().items():
            yield from self.batch_promises(account, batches)

    def batch_promises(self, account, batches):
        """The promises that are kept batch by batch."""
        classes = [self.refund_class(batch) for batch in batches]
        obligations = sum(name not in (None, "pending") for name in classes)
        settled = [batch for batch in batches if batch.settled]
        begun = [batch for batch in batches if batch.begun]
        known = [batch for batch in settled if batch.has_webhook and batch.webhook_known]
        paid_right = sum(batch.charged - batch.refunded == batch.delivered for batch in settled)
        safe = sum(batch.charged >= batch.cost for batch in begun)
        sent = sum(batch.webhook_sent for batch in known)
        for promise, target, good, valid in (
            ("auto_refund", 100, classes.count("on_time"), obligations),
            ("pay_for_success", 100, paid_right, len(settled)),
            ("financial_safety", 100, safe, len(begun)),
            ("webhook_delivery", None, sent, len(known)),
        ):
            yield [
                promise, account, "", target_text(target), good, valid, percent_text(good, valid),
                ratio_verdict(good, valid, target),
            ]
        keys, _, violations, verdict = self.idempotency(batches)
        good = max(0, keys - violations)
        yield ["idempotency", account, "", target_text(100), good, keys, percent_text(good, keys), verdict]

    def budget_rows(self):
        """budget.csv"""
        span = Span.of(self.start, self.end, self.cutoff, self.finality)
        for component in availability(self.books, self.start, self.end, self.profile):
            yield ["availability", "", component.name] + budget_cells(
                self.profile.availability_target, span.total, component.counted, component.total, span, True,
                minutes_state(component, self.profile, span))
        for (account, model, clock), row in self.completions().items():
            profile = self.profile_of_slug(account)
            if clock == profile.clock:
                target, undetermined = profile.targets.get(model), row.counts.get("undetermined", 0)
                yield ["completion", account, model] + budget_cells(
                    target, row.valid, row.valid - row.good, row.valid, span, False,
                    items_state(target, row.good, row.valid, undetermined, span))
        for account, batches in self.batches_by_account().items():
            classes = [self.refund_class(batch) for batch in batches]
            settled, begun = sum(batch.settled for batch in batches), sum(batch.begun for batch in batches)
            undetermined = {
                "auto_refund": classes.count("pending"), "pay_for_success": len(batches) - settled,
                "financial_safety": len(batches) - begun,
            }
            keys, _, violations, _ = self.idempotency(batches)
            for promise, _, _, target, good, valid, _, _ in self.batch_promises(account, batches):
                # A batch that was frozen twice counts, whether or not it has a key.
                spent = violations if promise == "idempotency" else valid - good
                valid = max(keys, violations) if promise == "idempotency" else valid
                goal = None if target == "" else 100
                yield [promise, account, ""] + budget_cells(
                    goal, valid, spent, valid, span, False,
                    items_state(goal, valid - spent, valid, undetermined.get(promise, 0), span))

    def credit_rows(self):
        """credits.csv"""
        for account in self.accounts.values():
            start, end = month_bounds(self.month, account.zone)
            judged = [found for found in availability(self.books, start, end, account.profile) if found.total]
            enough = [found for found in judged if found.sufficient(account.profile)]
            worst = min((Fraction(100 * found.up, found.total) for found in enough), default=None)
            tier = Fraction(0)
            for low, high, credit in account.profile.tiers:
                if worst is not None and low <= worst < high:
                    tier = credit
            cents = dollars_text(math.floor(account.fee * tier + Fraction(1, 2)))
            shown = four_decimals(tier)
            if not judged or len(enough) < len(judged):
                # What was not monitored may have been worse: a tier is the least there is, and none is unknown.
                shown, cents = (f"at least {shown}", cents) if tier else ("", "")
            yield [
                account.slug, instant_text(start), instant_text(end), dollars_text(math.floor(account.fee * 100)),
                "" if worst is None else four_decimals(worst), shown, cents, instant_text(end + 30 * DAY),
            ]

    def exception_rows(self):
        """exceptions.csv"""
        for task in self.items:
            profile = self.profile_of(task.user_id)
            _, reason = classify(task, profile.clock, profile, self.books)
            if reason in ("clock_error", "input_refused", "provider_outage"):
                yield [reason, self.slug(task.user_id), task.id, ""]
        for batch in self.batches:
            waiting = self.profile_of(batch.user_id).stuck_after
            if not batch.tasks:
                yield ["batch_without_tasks", self.slug(batch.user_id), batch.id, ""]
            elif batch.all_ended and not batch.settled and self.cutoff - batch.last_terminal > waiting:
                yield ["batch_never_settled", self.slug(batch.user_id), batch.id, ""]
            if batch.charge:
                yield [batch.charge, self.slug(batch.user_id), batch.id, ""]
        for user_id, request_id in self.repeated_keys(self.batches):
            yield ["duplicate_request_id", self.slug(user_id), request_id, ""]
        for batch in self.batches:
            if batch.charged > batch.frozen_credits:
                yield ["over_frozen", self.slug(batch.user_id), batch.id, ""]
        for entry in self.books.stray_freezes:
            if self.concerns(entry.user_id) and self.in_month(entry.posted_at):
                yield ["charge_without_batch", self.slug(entry.user_id), entry.reference or entry.id, ""]
        for table in self.books.missing_tables:
            yield ["missing_table", "", table, ""]
        owners = {row.user_id for row in self.items + self.batches}
        for kind, count in (
            ("terminal_instant_estimated", sum(task.estimated for task in self.items)),
            ("terminal_instant_missing", sum(task.instant_missing for task in self.items)),
            ("settlement_instant_estimated", sum(batch.settled and batch.completed_at is None for batch in self.batches)),
            ("model_missing", sum(task.model_missing for task in self.items)),
            ("task_without_batch", len(self.loose)),
            ("undated_task", sum(self.concerns(task.user_id) for task in self.books.undated)),
            ("owner_without_account", sum(self.slug(owner) == NO_ACCOUNT for owner in owners)),
        ):
            if count:
                yield [kind, "", "", count]

    def task_rows(self):
        """tasks.csv"""
        for task in self.items:
            profile = self.profile_of(task.user_id)
            task_class, reason = classify(task, profile.clock, profile, self.books)
            seconds = task.terminal - task.start(profile.clock) if task.ended else None
            yield [
                task.id, self.slug(task.user_id), task.model, task.batch.id, task.batch_index,
                instant_text(task.accepted_at), instant_text(task.dispatched_at), instant_text(task.terminal),
                seconds_text(seconds), task.status, task.failure_type, task_class, reason,
            ]

    def write(self, folder):
        """Every table into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, columns, rows in (
            ("availability", "component total_minutes monitored_minutes down_minutes excluded_minutes counted_minutes "
             "attained worst_case verdict", self.availability_rows()),
            ("completion", "account model clock valid good late failed timed_out cancelled_late in_flight_over excluded "
             "undetermined attained verdict finite_percent p50_seconds p90_seconds p95_seconds p99_seconds max_seconds",
             self.completion_rows()),
            ("refunds", "account batches obligations on_time late partial missing over_refunded stuck pending "
             "obligated_credits refunded_credits attained verdict", self.refund_rows()),
            ("refund_exceptions", "account batch_id class obligated_credits refunded_credits seconds_to_refund",
             self.refund_exception_rows()),
            ("refund_rates", "account model items refunded_items refund_rate_items frozen_credits refunded_credits "
             "refund_rate_credits", self.refund_rate_rows()),
            ("idempotency", "keys_seen keys_replayed violations verdict", self.idempotency_rows()),
            ("promises", "promise account subject target good valid attained verdict", self.promise_rows()),
            ("budget", "promise account subject allowed spent left spent_percent elapsed_percent burn_rate state",
             self.budget_rows()),
            ("credits", "account period_start period_end monthly_fee_usd attained tier_percent credit_usd request_until",
             self.credit_rows()),
            ("exceptions", "kind account reference detail", self.exception_rows()),
            ("tasks", "task_id account model batch_id batch_index accepted_at dispatched_at terminal_at seconds status "
             "failure_type class reason", self.task_rows()),
        ):
            write_table(folder, name, columns.split(), rows)

    def heading(self):
        """What stands over the report."""
        return {
            "month_start": instant_text(self.start),
            "month_end": instant_text(self.end),
            "cutoff": instant_text(self.cutoff),
            "status": "final" if self.cutoff >= self.finality else "preliminary",
        }


def main(arguments=None):
    """The command line."""
    parser = argparse.ArgumentParser(description="Calculates the SLA report from CSV files.")
    parser.add_argument("input", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--month", required=True)
    parser.add_argument("--now", required=True, type=parse_instant)
    parser.add_argument("--cutoff", type=parse_instant)
    parser.add_argument("--account")
    options = parser.parse_args(arguments)
    report = Report(options.input, options.month, options.now, options.cutoff, options.account)
    report.write(options.output)
    json.dump(report.heading(), sys.stdout)
    print()


if __name__ == "__main__":
    main()
