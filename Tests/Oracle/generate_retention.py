#!/usr/bin/env python3
"""Makes a small random deployment for the retention plan, the same for the same seed.

Writes the same files as generate.py, and holds.csv and policies.csv (see retention.py); arguments.json
holds `as_of` and `account`. Rows crowd around the cutoffs of every zone and retention in use, to the
microsecond, and the as-of date is often one whose cutoff falls on a day with a clock change.
"""

import argparse
import random
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

from generate import COLUMNS, IMPORTS, LAST_INSTANT, Deployment, postgres_text, write_csv, write_json
from oracle import DAY, HOUR, MINUTE, SECOND
from retention import DEFAULT_DAYS, DEFAULT_ZONE, PROBE_DAYS, first_instant

LAST_DATE = date(2026, 11, 20)
CLASSES = ("access_log", "task_content", "api_usage")
HOLD_COLUMNS = ["scope", "reference", "released_at"]
POLICY_COLUMNS = ["account", "data_class", "retention_days"]


def clock_changes(zone_name):
    """The dates since 2025 with a clock change in a zone."""
    zone, changes = ZoneInfo(zone_name), []
    day = date(2025, 1, 1)
    while day < LAST_DATE:
        noon = datetime(day.year, day.month, day.day, 12, tzinfo=timezone.utc)
        if noon.astimezone(zone).utcoffset() != (noon - timedelta(days=1)).astimezone(zone).utcoffset():
            changes += [day - timedelta(days=1), day]
        day += timedelta(days=1)
    return changes


class Retention(Deployment):
    """The rows of one random deployment, ages first."""

    def __init__(self, seed):
        self.random = random.Random(f"retention {seed}")
        self.month = self.cutoff = self.account = None
        self.holds, self.policies = [], []
        while True:
            self.tables, self.terms = {name: [] for name in COLUMNS | IMPORTS}, {}
            self.make_contracts()
            if self.tables["accounts"]:
                break
        self.make_terms()
        self.make_date()
        for user_id in self.users:
            self.make_videos(user_id)
            self.make_usage(user_id)
        self.make_orphans()
        self.make_holds()
        self.make_old_probes()
        for table in ("video_tasks", "video_external_access_log"):
            self.random.shuffle(self.tables[table])

    # Terms

    def make_terms(self):
        """How long what is kept in whose zone, by owner; empty for those without an account."""
        self.retention = {}
        for row in self.tables["accounts"]:
            self.retention[row["user_id"]] = (row["timezone"], {name: row["retention_days"] for name in CLASSES})
            if self.chance(0.8):
                row["legal_hold"] = None
            for name in CLASSES:
                if self.chance(0.2):
                    days = self.pick(*[days for days in (60, 90, 180, 365, 400) if days > row["retention_days"]])
                    self.override(row["user_id"], row["slug"], name, days)
        self.default = (DEFAULT_ZONE, {name: DEFAULT_DAYS for name in CLASSES})
        self.retention[None] = self.default
        for name in CLASSES:
            if self.chance(0.1):
                self.override(None, None, name, self.pick(200, 365))

    def override(self, user_id, slug, data_class, days):
        """A longer retention of one class."""
        self.retention[user_id][1][data_class] = days
        self.policies.append({"account": slug, "data_class": data_class, "retention_days": days})

    def make_date(self):
        """The as-of date: mostly one whose cutoff touches a clock change."""
        zone, days = self.random.choice(list(self.retention.values()))
        changes = clock_changes(zone)
        self.as_of = LAST_DATE - timedelta(days=self.span(0, 300))
        if changes and self.chance(0.7):
            day = self.random.choice(changes) + timedelta(days=self.pick(*days.values()) + self.pick(-1, 0, 0, 1))
            self.as_of = min(day, LAST_DATE)
        self.account = self.random.choice(self.tables["accounts"])["slug"] if self.chance(0.2) else None
        self.edges = {
            (owner, name): first_instant(self.as_of - timedelta(days=days), zone)
            for owner, (zone, classes) in self.retention.items()
            for name, days in classes.items()
        }

    def instant(self, owner, data_class):
        """An instant: mostly at an edge, the owner's own or somebody else's."""
        edge = self.edges[owner if owner in self.retention else None, data_class]
        if self.chance(0.2):
            edge = self.random.choice(list(self.edges.values()))
        step = self.pick(
            0, -1, 1, -SECOND, SECOND, self.pick(-1, 1) * self.pick(30 * MINUTE, HOUR, 45 * MINUTE, 12 * HOUR),
            self.span(-DAY, DAY), self.span(-100 * DAY, 100 * DAY),
        )
        return min(edge + step, LAST_INSTANT)

    # Rows

    def make_videos(self, user_id):
        """An owner's batches, tasks and the access log of their videos."""
        batches = [self.make_empty_batch(user_id) for _ in range(self.pick(0, 1, 2, 3))]
        for _ in range(self.pick(0, self.span(1, 6), self.span(3, 15))):
            batch = self.pick(None, *batches)
            task = self.make_video(user_id, batch)
            for _ in range(self.pick(0, 0, 1, 2, 4)):
                self.view(task["id"], None if self.chance(0.04) else self.instant(user_id, "access_log"))

    def make_empty_batch(self, user_id):
        """A batch; what it says of itself matters to nobody here."""
        created_at = self.instant(user_id, "task_content") - DAY
        return self.add(
            "batch_jobs", id=self.new_id(), user_id=user_id, status="completed", total_count=0, success_count=0,
            failed_count=0, cost_per_video=10, frozen_credits=0, credits_spent=0, settlement_status="finalized",
            webhook_attempts=0, created_at=created_at, updated_at=created_at, completed_at=created_at,
        )

    def make_video(self, user_id, batch):
        """A task with content, open or ended, its end in one of three places or in none."""
        ended_at = self.instant(user_id, "task_content")
        task = self.add(
            "video_tasks", id=self.new_id(), user_id=user_id, model="sora-2", prompt="=a paper boat", progress=0,
            status=self.pick("succeeded", "succeeded", "succeeded", "failed", "failed", "pending", "processing"),
            video_url="https://cdn.example/v", pid="p-1", batch_job_id=batch and batch["id"], attempts=1, poll_count=0,
            external_access_policy='{"allow_share": true}', created_at=ended_at - self.span(0, 40 * DAY),
        )
        kind = self.random.random()
        if kind < 0.5:
            task["completed_at"] = ended_at
            task["updated_at"] = self.pick(ended_at, min(ended_at + 200 * DAY, LAST_INSTANT), None)
        elif kind < 0.65:
            task["updated_at"] = ended_at
        elif kind < 0.93:
            task["updated_at"] = self.pick(min(ended_at + 200 * DAY, LAST_INSTANT), LAST_INSTANT, None)
            self.add(
                "task_facts", user_id=user_id, task_id=task["id"], terminal_at=ended_at,
                terminal_estimated=self.pick(True, False),
            )
        if self.chance(0.1):
            self.tables["task_facts"] = [row for row in self.tables["task_facts"] if row["task_id"] != task["id"]]
            self.add("task_facts", user_id=user_id, task_id=task["id"], dispatched_at=task["created_at"])
        return task

    def view(self, video_id, created_at):
        """A row of the access log. The viewer says nothing about the owner."""
        self.add(
            "video_external_access_log", id=self.new_id(), video_id=video_id,
            user_id=self.pick(None, None, self.random.choice(self.users)),
            action=self.pick("play", "share", "embed", "download"), source=self.pick("internal", "share_link", "embed"),
            policy_snapshot="{}", created_at=created_at,
        )

    def make_usage(self, user_id):
        """Keys and the request log."""
        keys = [
            self.add(
                "enterprise_api_keys", id=self.new_id(), user_id=user_id, api_key=f"ent_{self.new_id()}", name=name,
                is_active=True, rate_limit_per_min=60, created_at=self.edges[None, "api_usage"] - 500 * DAY,
            )["id"]
            for name in ("first", "second")
        ]
        mine = [row["id"] for row in self.tables["batch_jobs"] if row["user_id"] == user_id]
        for _ in range(self.pick(0, 1, self.span(2, 10))):
            key = self.pick(*keys, *keys, None)
            self.use(key, self.instant(user_id if key else None, "api_usage"), self.pick(None, *mine))

    def use(self, key, created_at, batch):
        """A row of the request log, with or without an address."""
        ip, agent = self.pick(("203.0.113.7", "client/1"), ("203.0.113.7", "client/1"), ("203.0.113.7", None),
                              (None, "client/1"), (None, None))
        number = len(self.tables["enterprise_api_usage"]) + 1
        self.add(
            "enterprise_api_usage", id=number, api_key_id=key, endpoint="/api/v1/batches", created_at=created_at, ip=ip,
            user_agent=agent, request_id=self.pick(None, f"order-{number}"), batch_job_id=batch,
            minute_bucket=created_at // MINUTE * MINUTE,
        )

    def make_orphans(self):
        """Access-log rows whose video nobody knows."""
        for _ in range(self.pick(0, 1, 4, 8)):
            video_id = self.new_id()
            for _ in range(self.pick(1, 1, 3)):
                self.view(video_id, None if self.chance(0.1) else self.instant(None, "access_log"))

    def make_holds(self):
        """Holds of all three scopes, some released."""
        scopes = {
            "account": [row["slug"] for row in self.tables["accounts"]]
            + [user_id for user_id in self.users if user_id not in self.retention],
            "batch": [row["id"] for row in self.tables["batch_jobs"]],
            "video": [row["video_id"] for row in self.tables["video_external_access_log"]]
            + [row["id"] for row in self.tables["video_tasks"]],
        }
        for scope, references in scopes.items():
            for _ in range(self.pick(0, 0, 1, 2) if references else 0):
                released_at = LAST_INSTANT if self.chance(0.2) else None
                self.holds.append(
                    {"scope": scope, "reference": self.random.choice(references), "released_at": released_at}
                )

    def make_old_probes(self):
        """Probes around their own cutoff, some twice."""
        edge = first_instant(self.as_of - timedelta(days=PROBE_DAYS), DEFAULT_ZONE)
        for _ in range(self.pick(0, 0, 5, 20)):
            probed_at = edge + self.pick(self.nudge(), self.span(-2 * DAY, 2 * DAY))
            target = self.pick("api", "=worker")
            for ok in self.pick([True], [False], [True, False], [True, True]):
                self.add("probes", target=target, probed_at=probed_at, ok=ok, latency_ms=7)

    # Files

    def write(self, folder):
        """Everything into a folder."""
        super().write(folder)
        for table in ("users", "video_external_access_log"):
            write_csv(folder / f"{table}.csv", COLUMNS[table], self.tables[table], postgres_text)
        write_csv(folder / "holds.csv", HOLD_COLUMNS, self.holds, postgres_text)
        write_csv(folder / "policies.csv", POLICY_COLUMNS, self.policies, postgres_text)
        write_json(folder / "arguments.json", {"as_of": self.as_of.isoformat(), "account": self.account})


def main():
    """The command line."""
    parser = argparse.ArgumentParser(description="Makes a small random deployment for the retention plan.")
    parser.add_argument("seed", type=int)
    parser.add_argument("output", type=Path)
    options = parser.parse_args()
    Retention(options.seed).write(options.output)


if __name__ == "__main__":
    main()
