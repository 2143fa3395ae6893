#!/usr/bin/env python3
"""Makes a small random deployment, the same for the same seed.

Writes what oracle.py reads, a psql script that creates the deployment's tables with the same rows,
and the arguments of the report. The rows crowd around everything a definition turns on: the edges of
the month, the cutoff, the limits, deadlines and windows, to the microsecond. See README.md.
"""

import argparse
import json
import random
import uuid
from pathlib import Path

from oracle import DAY, HOUR, MINUTE, SECOND, instant_text, month_bounds, parse_instant
from schema import COLUMNS, CREATE_TABLES

LAST_INSTANT = parse_instant("2026-11-20T00:00:00Z")
ZONES = [
    "UTC", "America/New_York", "America/St_Johns", "America/Sao_Paulo", "America/Santiago", "America/Havana",
    "America/Asuncion", "America/Los_Angeles", "Atlantic/Azores", "Europe/Berlin", "Europe/London", "Africa/Casablanca",
    "Africa/Cairo", "Asia/Beirut", "Asia/Kolkata", "Asia/Kathmandu", "Asia/Shanghai", "Australia/Lord_Howe",
    "Pacific/Apia", "Pacific/Chatham", "Pacific/Kiritimati", "Pacific/Pago_Pago",
]
MONTHS = [f"{year}-{month:02d}" for year in (2024, 2025, 2026) for month in range(1, 13)]
MONTHS = [month for month in MONTHS if month <= "2026-10"]
CLOCK_CHANGE_MONTHS = [month for month in MONTHS if month[5:] in ("03", "04", "09", "10", "11")]
MIDNIGHT_TWICE = "2026-10"  # in Havana, where its end, midnight of 1 November, comes twice
MODELS = ["sora-2", "veo-flash", "veo-pro"]
ODD_MODELS = ["kling-1", "+motion", "wan, large"]
IMPORTS = {
    "accounts": "user_id slug name plan currency timezone retention_days monthly_fee_usd legal_hold contract_profile",
    "probes": "probed_at target ok latency_ms",
    "maintenance": "starts_at ends_at reason announced_at",
    "outages": "model starts_at ends_at evidence",
    "task_facts": "user_id task_id dispatched_at terminal_at terminal_estimated cancelled_at cost_credits",
}
IMPORTS = {name: columns.split() for name, columns in IMPORTS.items()}
STANDARD = {
    "name": "standard",
    "version": 1,
    "time_zone": "UTC",
    "availability": {"target_percent": "99.9", "monitored_percent": "95", "maintenance_notice_hours": 48},
    "completion": {
        "clock": "dispatch",
        "models": {
            "sora-2": {"target_percent": "95", "limit_seconds": 120},
            "veo-flash": {"target_percent": "95", "limit_seconds": 600},
            "veo-pro": {"target_percent": "95", "limit_seconds": 600},
        },
        "exclusions": ["input_refused", "cancelled", "provider_outage"],
    },
    "refund_deadline_seconds": 300,
    "stuck_after_hours": 24,
    "service_credits": [
        {"from_percent": "99", "below_percent": "99.9", "credit_percent": "5"},
        {"from_percent": "95", "below_percent": "99", "credit_percent": "10"},
        {"from_percent": "0", "below_percent": "95", "credit_percent": "25"},
    ],
}


class Deployment:
    """The rows of one random deployment."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.tables = {name: [] for name in COLUMNS | IMPORTS}
        self.terms = {}
        self.make_contracts()
        self.make_period()
        self.make_batches()
        self.make_stray_rows()
        self.make_request_log()
        self.make_outages()
        self.make_monitoring()

    # Dice

    def chance(self, probability):
        """True that often."""
        return self.random.random() < probability

    def pick(self, *choices):
        """One of the choices."""
        return self.random.choice(choices)

    def span(self, low, high):
        """A random number of microseconds; low where the span is empty."""
        return self.random.randint(low, max(low, high))

    def nudge(self):
        """A step across an edge, or none."""
        return self.pick(-SECOND, -1, 0, 0, 1, SECOND)

    def new_id(self):
        """A random UUID."""
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def add(self, table, **values):
        """A row; what is not given is null."""
        self.tables[table].append(values)
        return values

    # Who, what contract, which month

    def make_contracts(self):
        """Contract profiles, owners with and without an account."""
        self.profiles = [STANDARD] + [self.make_profile(f"contract-{name}") for name in "abc"[: self.pick(0, 0, 1, 2, 3)]]
        self.users = [self.new_id() for _ in range(self.pick(0, 1, 1, 2, 3, 4, 5, 6))]
        for number, user_id in enumerate(self.users):
            profile = self.random.choice(self.profiles)
            self.terms[user_id] = profile
            self.add(
                "accounts", user_id=user_id, slug=self.pick("c", "z", "0") + f"-{number}",
                name=self.pick("Reels", "=1+1 Films", 'The "Best", Inc.', "Ñandú", "@home"),
                plan=self.pick("payg", "prepaid"), currency="USD", timezone=self.random.choice(ZONES),
                retention_days=self.pick(30, 90, 180),
                monthly_fee_usd=self.pick(None, "0", "0.10", "1500", "999.99", "2500.50", "0.30"),
                legal_hold=self.pick(None, None, "matter 7"),
                contract_profile=self.pick(None, profile["name"]) if profile is STANDARD else profile["name"],
            )
        self.users += [self.new_id() for _ in range(self.pick(0, 0, 1, 2) if self.users else self.pick(1, 2))]
        for number, user_id in enumerate(self.users):
            self.terms.setdefault(user_id, STANDARD)
            self.add(
                "users", id=user_id, google_id=f"g-{number}", email=f"owner{number}@example.org", name=f"Owner {number}",
                created_at=parse_instant("2023-01-01T00:00:00Z"), updated_at=parse_instant("2023-01-01T00:00:00Z"),
                status="active",
            )
            self.add(
                "credit_wallet", user_id=user_id, permanent_credits=self.span(0, 10**6), bonus_credits=0,
                created_at=parse_instant("2023-01-01T00:00:00Z"), updated_at=parse_instant("2023-01-01T00:00:00Z"),
            )

    def make_profile(self, name):
        """A contract that differs from the standard one."""
        target = self.pick("99.9", "99.5", "99.95", "99", "100")
        edges = [target] + self.pick(["50"], ["98", "90"], ["98.75", "97.5", "60", "30"]) + ["0"]
        models = {}
        for model in MODELS + ["kling-1"]:
            if self.chance(0.75):
                models[model] = {
                    "target_percent": self.pick("95", "90", "50", "99.99", "100", "66.6666"),
                    "limit_seconds": self.pick(60, 90, 120, 300, 600, 900),
                }
        exclusions = [reason for reason in STANDARD["completion"]["exclusions"] if self.chance(0.7)]
        default = {"default_model": self.random.choice(MODELS)} if self.chance(0.3) else {}
        return default | {
            "name": name,
            "version": self.pick(1, 2, 7),
            "time_zone": self.random.choice(ZONES),
            "availability": {
                "target_percent": target,
                "monitored_percent": self.pick("95", "90", "50"),
                "maintenance_notice_hours": self.pick(24, 48, 72),
            },
            "completion": {"clock": self.pick("accept", "dispatch"), "models": models, "exclusions": exclusions},
            "refund_deadline_seconds": self.pick(60, 300, 600),
            "stuck_after_hours": self.pick(12, 24, 48),
            "service_credits": [
                {"from_percent": low, "below_percent": high, "credit_percent": self.pick("5", "7.5", "10", "33.3333", "100")}
                for high, low in zip(edges, edges[1:])
            ],
        }

    def make_period(self):
        """The month, the account and the cutoff of the report."""
        self.month = self.random.choice(CLOCK_CHANGE_MONTHS if self.chance(0.7) else MONTHS)
        accounts = self.tables["accounts"]
        if self.chance(0.5) and any(row["timezone"] == "America/Havana" for row in accounts):
            self.month = MIDNIGHT_TWICE
        account = self.random.choice(accounts) if accounts and self.chance(0.35) else None
        self.account = account["slug"] if account else None
        zones = {"UTC"} | {row["timezone"] for row in accounts}
        self.bounds = {zone: month_bounds(self.month, zone) for zone in sorted(zones)}
        self.start, self.end = self.bounds[account["timezone"] if account else "UTC"]
        in_report = [STANDARD] + [self.terms[row["user_id"]] for row in ([account] if account else accounts)]
        limits = [terms["limit_seconds"] for profile in in_report for terms in profile["completion"]["models"].values()]
        finality = self.end + max(limits) * SECOND + DAY
        kind = self.random.random()
        if kind < 0.35:
            self.cutoff = None
        elif kind < 0.75:
            unit = self.pick(1, SECOND, MINUTE)
            self.cutoff = self.start + self.span(DAY, 4 * DAY) // unit * unit
        elif kind < 0.80:
            self.cutoff = self.start + self.pick(0, 0, 1, MINUTE - 1, MINUTE, 5 * MINUTE + 1)
        elif kind < 0.90:
            self.cutoff = self.end + self.pick(-MINUTE, -1, 0, 1, MINUTE, HOUR)
        else:
            self.cutoff = finality + self.pick(-1, 0, 1, DAY)
        self.effective_cutoff = min(self.cutoff if self.cutoff is not None else finality, LAST_INSTANT)

    # Batches and their tasks

    def batch_instant(self):
        """When a batch is created: often at an edge."""
        kind = self.random.random()
        edges = [edge for bounds in self.bounds.values() for edge in bounds]
        evaluated_end = max(self.start, min(self.end, self.effective_cutoff))
        if kind < 0.30:
            instant = self.random.choice([self.start, self.end] + edges) + self.nudge()
        elif kind < 0.40:
            instant = self.effective_cutoff - self.pick(0, 60, 120, 600, 900) * SECOND + self.nudge()
        elif kind < 0.50:
            instant = self.effective_cutoff - self.pick(12, 24, 48) * HOUR + self.nudge()
        elif kind < 0.55:
            instant = self.start - self.span(0, 20 * DAY)
        elif kind < 0.60:
            instant = self.end + self.span(0, 3 * DAY)
        else:
            instant = self.span(self.start, evaluated_end)
        return min(instant, LAST_INSTANT - 3 * DAY)

    def make_batches(self):
        """Batches with tasks, freezes, settlement and refunds."""
        count = self.pick(0, 1) if self.chance(0.07) else self.span(5, 40)
        self.facts_rate = self.pick(0, 0, 0.2, 0.9)
        self.bad_rate = self.pick(0, 0.05, 0.2, 0.5)
        self.request_ids = []
        for number in range(count):
            user_id = self.random.choice(self.users)
            created_at = self.batch_instant()
            cost = self.pick(1, 5, 10, 10, 40, 250)
            batch = self.add(
                "batch_jobs", id=self.new_id(), user_id=user_id, cost_per_video=cost, created_at=created_at,
                request_id=self.request_id(number, user_id), source="enterprise", webhook_attempts=0,
            )
            model = self.random.choice(ODD_MODELS) if self.chance(0.12) else self.random.choice(MODELS)
            mixed = self.chance(0.15)
            size = 0 if self.chance(0.06) else self.span(1, self.pick(1, 4, 12, 30))
            calm = self.chance(0.7)
            tasks = [
                self.make_task(batch, index, self.random.choice(MODELS + ["kling-1"]) if mixed else model, calm)
                for index in range(size)
            ]
            self.finish_batch(batch, tasks)

    def request_id(self, number, user_id):
        """A request id: mostly new, sometimes none, sometimes used before by this owner or another."""
        kind = self.random.random()
        if kind < 0.1:
            return None
        if kind < 0.2 and self.request_ids:
            same_owner = [request_id for owner, request_id in self.request_ids if owner == user_id]
            others = [request_id for owner, request_id in self.request_ids]
            return self.random.choice(same_owner or others) if self.chance(0.5) else self.random.choice(others)
        self.request_ids.append((user_id, f"order-{number}"))
        return f"order-{number}"

    def make_task(self, batch, index, model, calm):
        """A task; returns (cost, succeeded, terminal instant or None)."""
        terms = self.terms[batch["user_id"]]["completion"]["models"].get(model, {})
        limit = terms.get("limit_seconds", 120) * SECOND
        created_at = batch["created_at"] + (0 if self.chance(0.7) else self.span(0, 5 * SECOND))
        task = self.add(
            "video_tasks", id=self.new_id(), user_id=batch["user_id"], model=None if self.chance(0.06) else model,
            prompt="a paper boat",
            batch_job_id=batch["id"], batch_index=None if self.chance(0.02) else index, created_at=created_at,
            progress=0, attempts=1, poll_count=0, external_access_policy="{}",
        )
        fact = {}
        if self.chance(self.facts_rate):
            fact["dispatched_at"] = None if self.chance(0.1) else created_at + self.pick(
                0, 1, SECOND, self.span(0, 30 * SECOND), self.span(0, 10 * MINUTE)
            )
            if self.chance(0.3):
                fact["cost_credits"] = self.pick(0, 1, 7, batch["cost_per_video"], 2 * batch["cost_per_video"])
        start = fact.get("dispatched_at") or created_at
        terminal = start + self.pick(
            limit, limit + 1, limit - 1, limit + self.nudge(), self.span(0, limit), self.span(0, limit), self.span(0, limit),
            self.span(0, limit), self.span(limit, 5 * limit), self.span(0, SECOND),
        )
        if self.chance(0.015):
            terminal = start - self.pick(1, SECOND, 400, HOUR)
        if self.chance(0.01):
            terminal = max(terminal, self.effective_cutoff + self.nudge())
        self.choose_ending(task, fact, start, limit, terminal, calm)
        if fact:
            self.add("task_facts", user_id=task["user_id"], task_id=task["id"], **fact)
        cost = fact.get("cost_credits", batch["cost_per_video"])
        has_ended = task["status"] in ("succeeded", "failed")
        return cost, task["status"] == "succeeded", terminal if has_ended else None

    def choose_ending(self, task, fact, start, limit, terminal, calm):
        """Status, failure and the three places where an instant of the end may stand."""
        task["updated_at"] = terminal
        if self.chance(0.005 if calm else 0.1):
            task["status"] = self.pick("pending", "processing")
            if self.chance(0.1):
                task["completed_at"] = terminal
            if fact and self.chance(0.2):
                fact["cancelled_at"] = terminal
            return
        task["status"] = "failed" if self.chance(self.bad_rate) else "succeeded"
        if task["status"] == "failed":
            task["failure_type"] = self.pick(None, "model_error", "param_error", "timeout", "network", "unknown", "model_error")
            task["failure_reason"] = self.pick(None, "input_moderation", "output_moderation", "error", "error", "error")
        kind = self.random.random()
        if kind < 0.55:
            task["completed_at"] = terminal
            task["updated_at"] = terminal + self.pick(0, 0, SECOND, DAY)
        elif kind < 0.60 and fact:
            fact["terminal_at"] = terminal
            task["updated_at"] = None
        elif kind < 0.80 and fact:
            fact["terminal_at"] = terminal
            fact["terminal_estimated"] = self.pick(True, False, None)
            task["updated_at"] = terminal + self.pick(0, HOUR, 40 * DAY)
        elif kind > 0.995:
            task["updated_at"] = None
        if task["updated_at"] is not None:
            task["updated_at"] = min(task["updated_at"], LAST_INSTANT)
        if fact and self.chance(0.4 if task["status"] == "failed" else 0.03):
            fact["cancelled_at"] = self.pick(
                start + limit, start + limit - 1, start + limit + 1, start, terminal, self.effective_cutoff + self.nudge()
            )

    def finish_batch(self, batch, tasks):
        """Freeze, settlement, webhook and refund of a batch whose tasks are known."""
        total = sum(cost for cost, _, _ in tasks)
        delivered = sum(cost for cost, succeeded, _ in tasks if succeeded)
        ended = [terminal for _, _, terminal in tasks if terminal is not None]
        all_ended = len(ended) == len(tasks)
        last = max(ended, default=batch["created_at"])
        frozen = total + (self.pick(-1, 1, 100, -total) if self.chance(0.04) else 0)
        batch["frozen_credits"] = max(0, frozen)
        batch["credits_spent"] = delivered
        batch["total_count"] = len(tasks)
        batch["success_count"] = sum(succeeded for _, succeeded, _ in tasks)
        batch["failed_count"] = len(ended) - batch["success_count"]
        self.freeze(batch)
        owed = max(0, batch["frozen_credits"] - delivered)
        settled_at = min(last + self.pick(0, SECOND, self.span(0, 10 * MINUTE), 2 * DAY), LAST_INSTANT)
        batch["updated_at"] = max(settled_at, batch["created_at"])
        batch["settlement_status"] = "pending"
        batch["status"] = self.pick("processing", "processing", "processing", "queued")
        if all_ended and self.chance(0.93):
            batch["settlement_status"] = "refunded" if owed else "finalized"
            batch["status"] = "completed" if not owed else "partial"
            batch["completed_at"] = self.pick(settled_at, settled_at, None)
        if self.chance(0.6):
            batch["webhook_url"] = "https://hooks.customer.example/batch"
            batch["webhook_status"] = self.pick("sent", "sent", "sent", "failed", "retrying", "pending", None)
            batch["webhook_attempts"] = 1
        if all_ended or self.chance(0.1):
            self.refund(batch, owed, last)

    def ledger(self, user_id, kind, credits, reference_type, reference, posted_at):
        """A row of the ledger."""
        self.add(
            "credit_ledger", id=2**53 + len(self.tables["credit_ledger"]), user_id=user_id, type=kind, credits_delta=credits,
            ref_type=reference_type, ref_id=reference, created_at=min(posted_at, LAST_INSTANT),
        )

    def freeze(self, batch):
        """One or two freeze rows; sometimes none, short, or twice."""
        amounts = [batch["frozen_credits"]]
        kind = self.random.random()
        if kind < 0.03:
            amounts = []
        elif kind < 0.06:
            amounts = [batch["frozen_credits"] // 2]
        elif kind < 0.10:
            amounts *= 2
        elif kind < 0.12:
            amounts += [1]
        elif kind < 0.4:
            bonus = self.span(0, batch["frozen_credits"])
            amounts = [bonus, batch["frozen_credits"] - bonus]
        for amount in amounts:
            if amount:
                posted_at = batch["created_at"] + self.pick(0, 0, 1, SECOND)
                self.ledger(batch["user_id"], "spend", -amount, "batch_upfront", batch["id"], posted_at)

    def refund(self, batch, owed, last):
        """The refund rows of a batch: in time, at the edge, late, in parts, short, too much, or none."""
        user_id, reference = batch["user_id"], batch["id"]
        deadline = self.terms[user_id]["refund_deadline_seconds"] * SECOND
        in_time = self.pick(deadline, deadline - 1, 0, self.span(0, deadline), self.span(0, deadline))
        kind = self.random.random()

        def post(credits, delay):
            if credits:
                self.ledger(user_id, self.pick("refund", "refund", "refund", "purchase"), credits, "batch_refund",
                            reference, last + delay)

        if owed == 0:
            if kind < 0.05:
                post(self.pick(1, batch["cost_per_video"]), in_time)
        elif kind < 0.50:
            post(owed, in_time)
        elif kind < 0.57:
            post(owed, deadline + self.pick(1, SECOND, HOUR))
        elif kind < 0.64:
            part = self.span(0, owed)
            post(part, self.pick(0, -SECOND, in_time))
            post(owed - part, self.pick(in_time, deadline + 1))
        elif kind < 0.70:
            post(self.span(1, owed - 1) if owed > 1 else 0, in_time)
        elif kind < 0.76:
            post(owed + self.pick(1, owed), in_time)
        elif kind < 0.81:
            post(owed, -self.span(1, MINUTE))
        elif kind < 0.86:
            post(owed, max(0, self.effective_cutoff - last) + self.nudge())
        elif kind < 0.90:
            post(owed, in_time)
            post(owed, deadline + HOUR)
        elif kind < 0.93:
            self.ledger(user_id, "adjust", owed, "manual_credit", reference, last + in_time)

    def make_stray_rows(self):
        """Tasks without a batch or a date, charges without a batch, other ledger rows."""
        for _ in range(self.pick(0, 0, 1, 5)):
            user_id, created_at = self.random.choice(self.users), self.batch_instant()
            self.add(
                "video_tasks", id=self.new_id(), user_id=user_id, model="sora-2", prompt="=1+1", status="succeeded",
                created_at=created_at, updated_at=created_at + MINUTE, completed_at=created_at + MINUTE, progress=100,
                attempts=1, poll_count=1, external_access_policy="{}",
            )
        if self.tables["video_tasks"] and self.chance(0.1):
            self.random.choice(self.tables["video_tasks"])["created_at"] = None
        for _ in range(self.pick(0, 0, 1, 3)):
            posted_at = self.pick(self.start, self.end, self.effective_cutoff, self.batch_instant()) + self.nudge()
            self.ledger(
                self.random.choice(self.users), "spend", -self.span(1, 200), "batch_upfront",
                self.pick(self.new_id(), self.new_id(), None, "=1+1", "a, b"), posted_at,
            )
        for user_id in self.users:
            self.ledger(user_id, "purchase", 1000, "stripe_payment", "pi_1", self.start)

    def make_request_log(self):
        """Keys and the request log: one row a batch, and replays through a second key."""
        keys = {}
        for user_id in self.users:
            for name in ("first", "second"):
                row = self.add(
                    "enterprise_api_keys", id=self.new_id(), user_id=user_id, api_key=f"ent_{self.new_id()}", name=name,
                    is_active=True, rate_limit_per_min=60, created_at=parse_instant("2023-01-02T00:00:00Z"),
                )
                keys.setdefault(user_id, []).append(row["id"])
        if self.chance(0.15):
            return
        seen = set()

        def log(key, request_id, created_at):
            if request_id is not None and (key, request_id) in seen:
                return
            if key is not None:
                seen.add((key, request_id))
            self.add(
                "enterprise_api_usage", id=len(self.tables["enterprise_api_usage"]) + 1, api_key_id=key,
                endpoint="/api/v1/batches", created_at=min(created_at, LAST_INSTANT), request_id=request_id,
                minute_bucket=created_at // MINUTE * MINUTE,
            )

        for batch in self.tables["batch_jobs"]:
            first, second = keys[batch["user_id"]]
            log(self.pick(first, first, first, second), batch["request_id"], batch["created_at"])
            kind = self.random.random()
            if kind < 0.1:
                replayed_at = batch["created_at"] + self.pick(SECOND, MINUTE, 5 * DAY)
                log(second, batch["request_id"], self.pick(replayed_at, self.effective_cutoff + self.nudge()))
            elif kind < 0.15:
                log(keys[self.random.choice(self.users)][0], batch["request_id"], batch["created_at"] + SECOND)
            elif kind < 0.18:
                log(None, batch["request_id"], batch["created_at"] + SECOND)

    # Monitoring

    def make_outages(self):
        """Provider outages whose edges touch tasks that failed."""
        ends = {}
        facts = {row["task_id"]: row for row in self.tables["task_facts"]}
        for task in self.tables["video_tasks"]:
            captured = facts.get(task["id"], {}).get("terminal_at")
            terminal = task.get("completed_at") or captured or task["updated_at"]
            if task["status"] == "failed" and terminal is not None:
                ends.setdefault(task["model"] or "sora-2", []).append(terminal)
        for model in sorted(ends):
            for _ in range(self.pick(0, 1, 2)):
                starts_at = self.random.choice(ends[model]) + self.pick(0, 1, -1, -self.span(0, HOUR), -self.span(0, 2 * DAY))
                ends_at = self.random.choice([end for end in ends[model] if end > starts_at] or [starts_at + HOUR])
                ends_at = max(starts_at + 1, ends_at + self.pick(0, 0, 1, self.span(0, HOUR)))
                self.add("outages", model=model, starts_at=starts_at, ends_at=ends_at, evidence="status page, incident 7")

    def make_monitoring(self):
        """Probes of some components and the maintenance windows around their failures."""
        first = min(start for start, _ in self.bounds.values())
        last = min(max(end for _, end in self.bounds.values()), self.effective_cutoff)
        minutes = range(first // MINUTE, last // MINUTE + 2)
        if len(minutes) > 6 * 24 * 60 and not self.chance(0.15):
            minutes = minutes[:: self.pick(37, 601)]
        for component in self.pick([], ["batch-api"], ["batch-api"], ["batch-api", "worker"], ["=webhooks", "batch-api"]):
            self.make_probes(component, minutes)
        self.random.shuffle(self.tables["probes"])

    def make_probes(self, component, minutes):
        """The probes of one component, with failures that last minutes."""
        kind = self.pick("full", "full", "full", "full", "most", "most", "half", "stopped")
        down_for, slack = 0, self.pick(200, 2000, 20000)
        missed = self.pick(0.02, 0.05, 0.1)
        if kind == "stopped":
            self.probe(component, self.start - 3 * DAY, True)
            if self.chance(0.5):
                return
        for minute in minutes:
            if kind == "most" and self.chance(missed) or kind == "half" and self.chance(0.5):
                continue
            if kind == "stopped" and minute > minutes[len(minutes) // 2]:
                break
            if down_for == 0 and self.random.randrange(slack) == 0:
                down_for = self.pick(1, 2, 5, 30, 90)
                self.make_window(minute * MINUTE, down_for * MINUTE)
            if down_for:
                down_for -= 1
                outcomes = self.pick([False], [False, False], [False], [True, False])
            else:
                outcomes = [False, True] if self.chance(0.01) else [True]
            for ok in outcomes:
                self.probe(component, minute * MINUTE + self.pick(0, MINUTE - 1, self.span(0, MINUTE - 1)), ok)

    def probe(self, component, probed_at, ok):
        """One probe."""
        self.add("probes", probed_at=min(probed_at, LAST_INSTANT), target=component, ok=ok, latency_ms=self.span(1, 90))

    def make_window(self, starts_at, length):
        """Maintenance windows that cover a failure wholly, in part, in two halves, or without notice."""
        for _ in range(self.pick(0, 1, 1, 2)):
            begins = starts_at + self.pick(0, 0, 1, -SECOND, 30 * SECOND, MINUTE, length // 2)
            ends = begins + self.pick(length, length - 1, length + HOUR, length // 2 + MINUTE)
            notice = self.pick(24, 48, 48, 48, 72) * HOUR + self.pick(0, 0, -SECOND, -1, DAY)
            self.add("maintenance", starts_at=begins, ends_at=ends, reason="upgrade", announced_at=begins - notice)

    # Files

    def write(self, folder):
        """Everything into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        for table, columns in COLUMNS.items():
            if table in ("users", "credit_wallet", "video_external_access_log"):
                continue
            write_csv(folder / f"{table}.csv", columns, self.tables[table], postgres_text)
        for table, columns in IMPORTS.items():
            write_csv(folder / f"{table}.csv", columns, self.tables[table], import_text)
        write_json(folder / "profiles.json", self.profiles)
        cutoff = None if self.cutoff is None else zulu_text(self.cutoff)
        write_json(folder / "arguments.json", {"month": self.month, "account": self.account, "cutoff": cutoff})
        (folder / "load.sql").write_text(self.load_script(), encoding="utf-8")

    def load_script(self):
        """A psql script that creates the deployment's tables and loads their rows."""
        parts = ["BEGIN;\nSET client_encoding = 'UTF8';\n", CREATE_TABLES]
        for table, columns in COLUMNS.items():
            parts.append(f"COPY {table} ({', '.join(columns)}) FROM stdin;\n")
            for row in self.tables[table]:
                parts.append("\t".join(copy_text(column, row.get(column)) for column in columns) + "\n")
            parts.append("\\.\n")
        for table in ("credit_ledger", "enterprise_api_usage"):
            parts.append(
                f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), greatest(max(id), 1)) FROM {table};\n"
            )
        parts.append("COMMIT;\n")
        return "".join(parts)


def is_instant(column):
    """Whether a column holds an instant."""
    return column.endswith("_at") or column == "minute_bucket"


def postgres_text(column, value):
    """A value as PostgreSQL prints it in UTC."""
    if is_instant(column):
        head, microseconds = instant_text(value).removesuffix("+00:00").split(".")
        fraction = microseconds.rstrip("0")
        return head.replace("T", " ") + (f".{fraction}" if fraction else "") + "+00"
    return {True: "t", False: "f"}[value] if isinstance(value, bool) else str(value)


def zulu_text(instant):
    """An instant as people write it: `2026-10-01T00:00:00Z`, with microseconds where there are some."""
    return instant_text(instant).replace("+00:00", "Z").replace(".000000Z", "Z")


def import_text(column, value):
    """A value as the files that are imported have it."""
    if is_instant(column):
        return zulu_text(value)
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


def copy_text(column, value):
    """A value in the text format of COPY."""
    if value is None:
        return "\\N"
    text = postgres_text(column, value)
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def write_csv(path, columns, rows, text):
    """A CSV file; null is an empty cell."""
    def cell(column, value):
        if value is None:
            return ""
        content = text(column, value)
        return '"' + content.replace('"', '""') + '"' if any(mark in content for mark in ',"\r\n') else content

    lines = [",".join(columns)] + [",".join(cell(column, row.get(column)) for column in columns) for row in rows]
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")


def write_json(path, value):
    """A JSON file."""
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def main():
    """The command line."""
    parser = argparse.ArgumentParser(description="Makes a small random deployment.")
    parser.add_argument("seed", type=int)
    parser.add_argument("output", type=Path)
    options = parser.parse_args()
    Deployment(options.seed).write(options.output)


if __name__ == "__main__":
    main()
