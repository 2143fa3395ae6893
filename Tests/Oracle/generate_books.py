#!/usr/bin/env python3
"""Makes a small random deployment for statements and for the verification of the money.

The same for the same seed and mode; writes the same files as generate.py. Modes:

  whole       nothing is wrong: no finding, and nothing unreconciled, expired or unexplained in any month
  planted     the same, with defects planted alone or in combination; planted.csv lists the findings
  statements  small lots that run out, defects everywhere, batches that stay open

--odd adds what the definitions leave open: batches of several models, references to another owner's
batch, rows without meta, refunds posted before their freeze.
"""

import argparse
import json
import random
from pathlib import Path

from generate import COLUMNS, IMPORTS, LAST_INSTANT, MODELS, Deployment, postgres_text, write_csv
from oracle import DAY, HOUR, MINUTE, SECOND, parse_instant

COSTS = {"sora-2": 10, "veo-flash": 50, "veo-pro": 250}
PACKAGES = [(2000, 95_000), (5000, 262_500), (10_000, 575_000)]
SMALL_LOTS = [
    (1, 3), (7.77, 1000), (0.01, 7), (100, 333), (1999.99, 1234), (33.333333, 77), (0, 50), (None, 60), (None, 500),
    ("250", 611), (9.99, 1999),
]
BATCH_DEFECTS = (
    "batch_counts_disagree", "completed_before_created", "double_refund", "duplicate_request_id", "freeze_disagrees",
    "late_refund", "ledger_model_disagrees", "missing_refund", "over_refund", "refund_booked_as_purchase",
    "short_refund", "spent_disagrees", "stuck_batch",
)
OWNER_DEFECTS = ("expired_bonus_not_swept", "ledger_without_batch", "negative_balance", "wallet_drift")
OWING = ("double_refund", "late_refund", "missing_refund", "refund_booked_as_purchase", "short_refund")
MODES = ("whole", "planted", "statements")


class Books(Deployment):
    """The rows of one random deployment, money first."""

    def __init__(self, seed, mode, odd=False):
        self.random, self.mode, self.odd = random.Random(f"{mode} {seed}"), mode, odd
        self.planted, self.serial = [], 0
        self.make_owners()
        self.make_period()
        self.cutoff = None
        for user_id, defects in self.choose_defects().items():
            self.make_books(user_id, defects)
        if self.odd and self.tables["batch_jobs"]:
            self.make_foreign_reference()

    def make_owners(self):
        """At least one account, and sometimes owners without one."""
        while True:
            self.tables, self.terms = {name: [] for name in COLUMNS | IMPORTS}, {}
            self.make_contracts()
            if self.tables["accounts"]:
                break
        self.tables["credit_wallet"] = []
        self.zones = {row["user_id"]: row["timezone"] for row in self.tables["accounts"]}

    def choose_defects(self):
        """Which defects are planted in whose books."""
        chosen = {user_id: [] for user_id in self.users}
        if self.mode == "planted":
            every = BATCH_DEFECTS + OWNER_DEFECTS
            number = 1 if self.chance(0.5) else self.span(2, len(every))
            for defect in self.random.sample(every, number):
                chosen[self.random.choice(self.users)].append(defect)
        elif self.mode == "statements":
            for defects in chosen.values():
                defects += [self.pick(*BATCH_DEFECTS) for _ in range(self.span(0, 6))]
                defects += [defect for defect in OWNER_DEFECTS if self.chance(0.2) and defect != "negative_balance"]
        return chosen

    def plant(self, finding, reference, credits=None):
        """Remembers what must be found."""
        self.planted.append({"finding": finding, "reference": reference, "credits": credits})

    # One owner

    def make_books(self, user_id, defects):
        """An owner's batches and every movement of credit, in the order of time."""
        self.owner, self.events, self.defects = user_id, [], defects
        self.low, self.high = self.bounds[self.zones.get(user_id, "UTC")]
        self.permanent = self.bonus = 0
        self.purse = self.pick("small", "small", "small", "packages") if self.mode != "planted" else "packages"
        for defect in [defect for defect in defects if defect in BATCH_DEFECTS]:
            self.make_batch(defect)
        for _ in range(self.pick(0, self.span(1, 4), self.span(2, 10))):
            kind = self.random.random()
            if kind < 0.06:
                self.make_refused_batch()
            else:
                self.make_batch(None)
        self.make_other_events()
        self.events.sort(key=lambda event: event[0])
        self.balance_falls_short = "negative_balance" in defects
        for instant, move, *details in self.events:
            move(instant, *details)
        if self.balance_falls_short:
            self.overdraw()
        self.make_wallet()

    def edge_instant(self):
        """An instant of this owner's books: often at an edge of the month."""
        kind = self.random.random()
        if kind < 0.4:
            return self.pick(self.low, self.high) + self.nudge()
        if kind < 0.5:
            return self.low - self.span(0, 20 * DAY)
        if kind < 0.55:
            return self.high + self.span(0, 3 * DAY)
        return self.span(self.low, self.high)

    def make_other_events(self):
        """Purchases, grants, expiries, adjustments, charges of no batch."""
        for _ in range(self.pick(0, 0, 1, 3)):
            self.events.append((self.edge_instant(), self.purchase, 0))
        self.expires_at = None
        unswept = "expired_bonus_not_swept" in self.defects
        if unswept or self.chance(0.5):
            for _ in range(self.pick(1, 1, 2)):
                self.events.append((self.edge_instant(), self.grant, self.span(100, 2000)))
            if unswept:
                self.expires_at = self.high + self.pick(0, 1, DAY)
                self.events.append((self.high + 10 * DAY, self.keep_some_bonus))
            elif self.chance(0.5):
                self.expires_at = self.edge_instant()
                self.events.append((self.expires_at, self.expire))
            else:
                self.expires_at = self.pick(None, parse_instant("2027-06-01T00:00:00Z"))
        for _ in range(self.pick(0, 0, 0, 1, 2)):
            self.events.append((self.edge_instant(), self.adjust, self.span(1, 300)))
        if self.mode == "statements":
            for _ in range(self.pick(0, 0, 0, 1, 2)):
                self.events.append((self.edge_instant(), self.charge_video, self.pick(10, 50)))
        if "ledger_without_batch" in self.defects:
            reference = self.pick(self.new_id(), self.new_id(), None, "=1+1", "a, b")
            self.events.append((self.edge_instant(), self.charge_stranger, reference, self.span(1, 200)))

    # Movements

    def post(self, kind, credits, reference_type, reference, instant, bucket="permanent", model=None, **meta):
        """A row of the ledger."""
        row = self.add(
            "credit_ledger", id=2**53 + len(self.tables["credit_ledger"]), user_id=self.owner, type=kind, model=model,
            credits_delta=credits, ref_type=reference_type, ref_id=reference, created_at=min(instant, LAST_INSTANT),
            meta=jsonb_text(meta | {"bucket": bucket}),
        )
        if self.odd and self.chance(0.2):
            row["meta"] = self.pick(None, jsonb_text(meta), "[]") if bucket == "permanent" else row["meta"]
        if bucket == "bonus":
            self.bonus += credits
        else:
            self.permanent += credits
        return row

    def purchase(self, instant, needed):
        """A package or a small lot, as often as it takes to have the credits needed."""
        while True:
            price, credits = self.random.choice(PACKAGES if self.purse == "packages" else SMALL_LOTS)
            meta = {} if price is None else {"usd": price}
            self.serial += 1
            self.post("purchase", credits, "stripe_payment", self.pick(f"pi_{self.serial}", "=pi"), instant, **meta)
            if self.permanent >= needed:
                return

    def grant(self, instant, credits):
        """Bonus credit."""
        if self.expires_at is None or instant < self.expires_at:
            self.post("bonus_grant", credits, "admin", self.pick(None, "welcome"), instant, "bonus")

    def expire(self, instant):
        """What is left of the bonus is taken out by a row; what comes later is no bonus."""
        if self.bonus > 0:
            self.post("adjust", -self.bonus, "bonus_expiry", None, instant, "bonus")

    def keep_some_bonus(self, instant):
        """Makes sure that bonus credit is left to expire, and remembers it."""
        if self.bonus == 0:
            self.post("bonus_grant", self.span(1, 500), "admin", None, self.low - DAY, "bonus")
        self.plant("expired_bonus_not_swept", self.owner, self.bonus)

    def adjust(self, instant, credits):
        """A correction by hand."""
        if self.permanent >= credits and self.chance(0.5):
            credits = -credits
        self.post("adjust", credits, self.pick("manual", "manual_credit", None), self.pick(None, "ticket 7"), instant)

    def fund(self, instant, credits):
        """Buys what is lacking, shortly before."""
        if self.permanent < credits:
            self.purchase(instant - self.pick(0, 1, SECOND, HOUR, DAY), credits)

    def charge_video(self, instant, credits):
        """A single video, of no batch."""
        self.fund(instant, credits)
        self.post("spend", -credits, "video", self.new_id(), instant, model=self.pick(*MODELS))

    def charge_stranger(self, instant, reference, credits):
        """A freeze of a batch that is not there."""
        self.fund(instant, credits)
        row = self.post("spend", -credits, "batch_upfront", reference, instant, model="sora-2")
        if self.chance(0.3) and reference is not None and credits > 1:
            part = self.span(1, credits - 1)
            self.post("refund", part, "batch_refund", reference, instant + MINUTE, model="sora-2")
            credits -= part
        self.plant("ledger_without_batch", reference or str(row["id"]), credits)

    def freeze(self, instant, batch, model, amounts):
        """The freeze rows: bonus first, then permanent."""
        for amount in amounts:
            bonus = min(self.bonus, amount) if model != "veo-pro" and self.chance(0.7) else 0
            if self.expires_at is not None and instant >= self.expires_at:
                bonus = 0
            self.fund(instant, amount - bonus)
            second = instant + self.pick(0, 0, 1)
            if bonus:
                self.post("spend", -bonus, "batch_upfront", batch["id"], instant, "bonus", model, use_bonus=True)
            if amount > bonus:
                self.post("spend", bonus - amount, "batch_upfront", batch["id"], second, "permanent", model)

    def refund(self, instant, batch, model, credits, kind="refund"):
        """A refund row; it goes to permanent credit whoever paid."""
        reference_type = "batch_refund" if kind == "refund" else "stripe_payment"
        self.post(kind, credits, reference_type, batch["id"], instant, "permanent", model, batch_id=batch["id"])

    def overdraw(self):
        """A charge before everything, which makes the balance negative."""
        rows = [row for row in self.tables["credit_ledger"] if row["user_id"] == self.owner]
        first = min([row["created_at"] for row in rows], default=self.low)
        credits = self.span(1, 500)
        self.post("spend", -credits, "video", self.new_id(), first - DAY, model="sora-2")
        self.post("adjust", credits, "manual", None, first - HOUR)
        self.plant("negative_balance", self.owner, credits)

    def make_wallet(self):
        """The wallet, equal to the ledger unless it drifts."""
        drift = 0
        if "wallet_drift" in self.defects:
            drift = max(-self.permanent, self.pick(-777, -1, 1, 777)) or 777
            self.plant("wallet_drift", self.owner, abs(drift))
        elif not self.permanent and not self.bonus and self.chance(0.2):
            return
        self.add(
            "credit_wallet", user_id=self.owner, permanent_credits=self.permanent + drift, bonus_credits=self.bonus,
            bonus_expires_at=self.expires_at, created_at=parse_instant("2023-01-01T00:00:00Z"),
            updated_at=LAST_INSTANT,
        )

    # Batches

    def make_refused_batch(self):
        """A batch without tasks: refused for want of credit, or given back as a whole."""
        created_at, count = self.edge_instant(), self.span(1, 100)
        frozen = self.pick(0, 0, 10 * count)
        batch = self.new_batch(created_at, "sora-2", 10, frozen, count, 0, count, 0)
        settled_at = created_at + self.pick(0, SECOND)
        batch |= {"status": "failed", "settlement_status": "refunded" if frozen else "finalized"}
        batch |= {"completed_at": settled_at, "updated_at": settled_at}
        if frozen:
            self.events.append((created_at, self.freeze, batch, "sora-2", [frozen]))
            self.events.append((settled_at + SECOND, self.refund, batch, "sora-2", frozen))
            batch |= {"completed_at": settled_at + SECOND}

    def new_batch(self, created_at, model, cost, frozen, total, succeeded, failed, spent):
        """A batch row that is not settled yet."""
        self.serial += 1
        request_id = self.pick(None, "=order-", "order, ", "order-", "order-", "order-")
        return self.add(
            "batch_jobs", id=self.new_id(), user_id=self.owner, status="processing", total_count=total,
            success_count=succeeded, failed_count=failed, cost_per_video=cost, frozen_credits=frozen,
            credits_spent=spent, settlement_status="pending", webhook_attempts=0, source="enterprise",
            request_id=request_id and request_id + str(self.serial), created_at=created_at, updated_at=created_at,
        )

    def make_batch(self, defect):
        """A batch with its tasks, freeze and refund, right but for one defect."""
        created_at, last = self.choose_instants()
        model = self.pick(*MODELS)
        cost = COSTS[model] if self.chance(0.9) else self.pick(1, 7, 40)
        count = self.span(2 if defect in ("completed_before_created", "double_refund") else 1, self.pick(2, 4, 8))
        bad_rate = self.pick(0, 0.2, 0.5, 1)
        batch = self.new_batch(created_at, model, cost, 0, count, 0, 0, 0)
        tasks = [self.make_task_of(batch, model, number, created_at, last, bad_rate) for number in range(count)]
        if defect in OWING:
            tasks[-1]["status"] = "failed"
        tasks[-1]["ends"] = last
        frozen = sum(task["cost"] for task in tasks)
        spent = sum(task["cost"] for task in tasks if task["status"] == "succeeded")
        succeeded = sum(task["status"] == "succeeded" for task in tasks)
        settled_at = last + self.pick(0, 0, 1, SECOND, self.span(0, 50 * SECOND))
        batch |= {
            "frozen_credits": frozen, "credits_spent": spent, "success_count": succeeded,
            "failed_count": count - succeeded, "completed_at": self.pick(settled_at, settled_at, settled_at, None),
            "updated_at": settled_at, "settlement_status": "finalized" if frozen == spent else "refunded",
            "status": "completed" if frozen == spent else "partial" if spent else "failed",
        }
        self.money_of(batch, model, tasks, settled_at, last, frozen, frozen - spent, defect)
        self.write_tasks(batch, tasks)

    def choose_instants(self):
        """When a batch is created and when its last task ends: around an edge, or a long time apart."""
        created_at = self.edge_instant()
        last = created_at + self.span(SECOND, 20 * MINUTE)
        for edge in (self.low, self.high):
            if 0 < edge - created_at < 25 * DAY and self.chance(0.4):
                last = max(created_at + 1, edge + self.nudge() - self.pick(0, 0, 1, SECOND))
        return created_at, last

    def make_task_of(self, batch, model, number, created_at, last, bad_rate):
        """What a task will be."""
        cost = batch["cost_per_video"]
        recorded = self.pick(0, 3, 2 * cost) if self.chance(0.05) else None
        if self.odd and self.chance(0.2):
            model = self.pick(*MODELS)
        return {
            "id": self.new_id(), "model": model, "number": number, "recorded": recorded,
            "cost": cost if recorded is None else recorded, "ends": self.span(created_at, last),
            "status": "failed" if self.chance(bad_rate) else "succeeded",
        }

    def write_tasks(self, batch, tasks):
        """The rows of the tasks."""
        for task in tasks:
            ended = task["status"] in ("succeeded", "failed")
            completed_at = task.get("completed_at") or (self.pick(task["ends"], task["ends"], None) if ended else None)
            self.add(
                "video_tasks", id=task["id"], user_id=batch["user_id"], model=task["model"], prompt="a paper boat",
                status=task["status"], batch_job_id=batch["id"], batch_index=task["number"], progress=0, attempts=1,
                poll_count=0, external_access_policy="{}", created_at=batch["created_at"], updated_at=task["ends"],
                completed_at=completed_at, failure_type="model_error" if task["status"] == "failed" else None,
            )
            if task["recorded"] is not None:
                self.add("task_facts", user_id=batch["user_id"], task_id=task["id"], cost_credits=task["recorded"])

    def money_of(self, batch, model, tasks, settled_at, last, frozen, owed, defect):
        """Freeze and refund of a batch, with the one thing that is wrong with it."""
        freezes, refunds, row_model = [frozen], [(settled_at, owed)] if owed else [], model
        deadline = self.terms[self.owner]["refund_deadline_seconds"] * SECOND
        if owed > 1 and defect is None and self.chance(0.2):
            part = self.span(1, owed - 1)
            refunds = [(settled_at, part), (settled_at, owed - part)]
        if owed == 0 and defect in OWING:
            defect = None  # the failed task cost nothing
        if defect == "double_refund":
            refunds.append((settled_at + self.pick(0, 2 * SECOND, DAY), owed))
            self.plant(defect, batch["id"], owed)
        elif defect == "over_refund":
            extra = self.span(1, 100)
            refunds = [(settled_at, owed + extra)]
            self.plant(defect, batch["id"], extra)
        elif defect == "missing_refund":
            refunds = []
            self.plant(defect, batch["id"], owed)
        elif defect == "short_refund":
            refunds = [(settled_at, self.pick(0, self.span(0, owed - 1)))]
            self.plant(defect, batch["id"], owed - refunds[0][1])
        elif defect == "late_refund":
            refunds = [(last + deadline + self.pick(1, SECOND, HOUR, 3 * DAY), owed)]
            self.plant(defect, batch["id"])
        elif defect == "freeze_disagrees":
            freezes = self.pick([], [frozen // 2], [frozen, frozen], [frozen, 1])
            if sum(freezes) == frozen:
                freezes = [frozen + 1]
            self.plant(defect, batch["id"], abs(frozen - sum(freezes)))
        elif defect == "ledger_model_disagrees" and frozen:
            row_model = self.pick(*[other for other in MODELS if other != model])
            self.plant(defect, batch["id"])
        elif defect == "refund_booked_as_purchase":
            self.plant(defect, batch["id"])
        elif defect == "stuck_batch":
            refunds = self.leave_open(batch, tasks, last, owed)
            self.plant(defect, batch["id"], frozen - sum(credits for _, credits in refunds))
        else:
            self.spoil_columns(batch, tasks, defect)
        kind = "purchase" if defect == "refund_booked_as_purchase" else "refund"
        at = batch["created_at"] + self.pick(0, 0, 1)
        if self.odd and self.chance(0.1):
            at = settled_at + SECOND
        self.events.append((at, self.freeze, batch, row_model, [amount for amount in freezes if amount]))
        self.events += [(instant, self.refund, batch, row_model, credits, kind) for instant, credits in refunds]
        if defect == "duplicate_request_id":
            self.repeat(batch, frozen - owed)

    def leave_open(self, batch, tasks, last, owed):
        """A batch that never settled, its last task perhaps never ended; gives its refunds."""
        batch |= {"settlement_status": "pending", "completed_at": None, "status": "processing"}
        if self.chance(0.5):
            tasks[0]["status"] = self.pick("pending", "processing")
        return []

    def spoil_columns(self, batch, tasks, defect):
        """Defects of a batch's or a task's own columns."""
        if defect == "batch_counts_disagree":
            batch[self.pick("total_count", "success_count", "failed_count")] += self.pick(1, 2)
            self.plant(defect, batch["id"])
        elif defect == "spent_disagrees":
            gap = self.span(1, 50)
            batch["credits_spent"] += gap
            self.plant(defect, batch["id"], gap)
        elif defect == "completed_before_created":
            tasks[0]["completed_at"] = batch["created_at"] - self.pick(1, SECOND, HOUR)
            self.plant(defect, tasks[0]["id"])

    def repeat(self, first, net):
        """A second batch with the same request id; the later one is at stake."""
        first["request_id"] = first["request_id"] or "again"
        before = len(self.tables["batch_jobs"])
        self.make_batch(None)
        second = self.tables["batch_jobs"][before]
        second["request_id"] = first["request_id"]
        later = max(first, second, key=lambda batch: (batch["created_at"], batch["id"]))
        self.plant("duplicate_request_id", first["request_id"], net if later is first else second["credits_spent"])

    def make_foreign_reference(self):
        """A refund of an owner for another owner's batch."""
        batch = self.random.choice(self.tables["batch_jobs"])
        self.owner = self.random.choice(self.users)
        self.post("refund", 5, "batch_refund", batch["id"], batch["created_at"] + HOUR, model="sora-2")

    # Files

    def write(self, folder):
        """Everything into a folder."""
        super().write(folder)
        for table in ("users", "credit_wallet"):
            write_csv(folder / f"{table}.csv", COLUMNS[table], self.tables[table], postgres_text)
        if self.mode != "statements":
            columns = ["finding", "reference", "credits"]
            self.planted.sort(key=lambda row: (row["finding"], row["reference"].encode(), str(row["credits"])))
            write_csv(folder / "planted.csv", columns, self.planted, lambda _, value: str(value))


def jsonb_text(value):
    """An object as PostgreSQL prints it: shorter keys first."""
    return json.dumps(dict(sorted(value.items(), key=lambda item: (len(item[0]), item[0]))))


def main():
    """The command line."""
    parser = argparse.ArgumentParser(description="Makes a small random deployment with a ledger.")
    parser.add_argument("mode", choices=MODES)
    parser.add_argument("seed", type=int)
    parser.add_argument("output", type=Path)
    parser.add_argument("--odd", action="store_true")
    options = parser.parse_args()
    Books(options.seed, options.mode, options.odd).write(options.output)


if __name__ == "__main__":
    main()
