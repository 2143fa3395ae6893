#!/usr/bin/env python3
"""A second, independent calculation of the retention plan.

Reads a deployment from CSV files and writes plan.csv: what would be deleted or redacted, what a hold
keeps, what is not due yet. Plain loops over rows, no SQL. See README.md for the command line.

Beside the deployment's tables it reads, where they are there:
  holds.csv     scope (account, batch, video), reference (slug or user id, batch id, task id), released_at
  policies.csv  account (slug; empty: the default), data_class, retention_days
  redacted.csv  data_class, row_id: what was redacted before

Where the definitions are silent this calculation decides as follows.

 1. Only pairs of account and class that have rows are listed, in bytewise order. The actions are delete,
    redact and, for probes, fold.
 2. The ledger is never planned, and a deployment has no webhook_payload and no video_files.
 3. The default policy is 180 days in UTC. An override counts only where it is longer than the account's
    own retention. A released hold (released_at is not empty) holds nothing.
 4. Open tasks are no rows of task_content: they are in no column. A terminal task without any instant is
    undated; so is an access-log or usage row without created_at. Undated comes before held.
 5. A usage row's owner is its key's; without a key it is ownerless. One without ip and user agent has
    nothing to redact and is kept.
 6. A batch's hold covers its tasks, their access-log rows and its usage rows; a video's hold its task and
    its access-log rows, even where the video is unknown; an account's hold every row of the owner.
 7. Probes are counted once each (target, instant, outcome), under the empty account, and no hold applies
    to them; they are due before the first instant in UTC of the as-of date less 400 days.
 8. oldest is over all rows of the line that have an instant, newest_due over those that are due.
"""

import argparse
import json
import sys
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import oracle
from oracle import EPOCH, INFINITY, instant_text, parse_instant, read_rows, write_table

oracle.TEXT_COLUMNS.update(("action", "data_class"))

DEFAULT_DAYS, DEFAULT_ZONE, PROBE_DAYS = 180, "UTC", 400
ACTIONS = {"access_log": "delete", "api_usage": "redact", "probes": "fold", "task_content": "redact"}
COLUMNS = "account data_class retention_days cutoff action due_rows held_rows kept_rows undated_rows oldest newest_due"


def first_instant(day, zone_name, known={}):
    """The first instant whose date in a zone is the given one. Clock changes fall on whole minutes."""
    if (day, zone_name) not in known:
        zone = ZoneInfo(zone_name)
        moment = datetime(day.year, day.month, day.day, tzinfo=timezone.utc) - timedelta(hours=16)
        while moment.astimezone(zone).date() != day:
            moment += timedelta(minutes=1)
        known[day, zone_name] = (moment - EPOCH) // timedelta(microseconds=1)
    return known[day, zone_name]


def moment_text(instant):
    """An instant, or the word for an infinite one."""
    if instant is not None and abs(instant) == INFINITY:
        return "infinity" if instant > 0 else "-infinity"
    return instant_text(instant)


@dataclass
class Line:
    """One account's rows of one class."""

    days: int
    cutoff: int
    due: int = 0
    held: int = 0
    kept: int = 0
    undated: int = 0
    oldest: int = None
    newest_due: int = None

    def count(self, instant, held, done):
        """Counts a row; tells whether it is due."""
        if instant is None:
            self.undated += 1
            return False
        self.oldest = instant if self.oldest is None else min(self.oldest, instant)
        if done or instant >= self.cutoff:
            self.kept += 1
        elif held:
            self.held += 1
        else:
            self.due += 1
            self.newest_due = instant if self.newest_due is None else max(self.newest_due, instant)
            return True
        return False


class Plan:
    """What is due as of a date."""

    def __init__(self, folder, as_of):
        self.folder, self.as_of, self.lines, self.ownerless_due = folder, as_of, {}, 0
        self.accounts = {row["user_id"]: row for row in self.rows("accounts")}
        self.slugs = {row["slug"]: user_id for user_id, row in self.accounts.items()}
        self.overrides = {
            (row["account"] or "", row["data_class"]): int(row["retention_days"]) for row in self.rows("policies")
        }
        self.redacted = {(row["data_class"], row["row_id"]) for row in self.rows("redacted")}
        self.read_holds()
        self.tasks = {row["id"]: row for row in self.rows("video_tasks")}
        self.plan_access_log()
        self.plan_tasks()
        self.plan_usage()
        self.plan_probes()

    def rows(self, name):
        """The rows of a file; none where there is no such file."""
        return read_rows(self.folder, name) or []

    def read_holds(self):
        """What is held: owners, batches, videos."""
        self.held_owners = {user_id for user_id, row in self.accounts.items() if row["legal_hold"] is not None}
        self.held_batches, self.held_videos = set(), set()
        for row in self.rows("holds"):
            if row["released_at"] is not None:
                continue
            if row["scope"] == "account":
                self.held_owners.add(self.slugs.get(row["reference"], row["reference"]))
            else:
                {"batch": self.held_batches, "video": self.held_videos}[row["scope"]].add(row["reference"])

    def is_held(self, owner, batch, video):
        """Whether any hold covers a row."""
        return owner in self.held_owners or batch in self.held_batches or video in self.held_videos

    def line(self, owner, data_class):
        """The line that counts an owner's rows of a class."""
        account = self.accounts.get(owner)
        slug = account["slug"] if account else ""
        if (slug, data_class) not in self.lines:
            days = int(account["retention_days"]) if account else DEFAULT_DAYS
            days = max(days, self.overrides.get((slug, data_class), 0))
            cutoff = first_instant(self.as_of - timedelta(days=days), account["timezone"] if account else DEFAULT_ZONE)
            self.lines[slug, data_class] = Line(days, cutoff)
        return self.lines[slug, data_class]

    def plan_access_log(self):
        """Rows of the access log, whose owner is that of their video."""
        for row in self.rows("video_external_access_log"):
            task = self.tasks.get(row["video_id"])
            owner, batch = (task["user_id"], task["batch_job_id"]) if task else (None, None)
            held = self.is_held(owner, batch, row["video_id"])
            is_due = self.line(owner, "access_log").count(parse_instant(row["created_at"]), held, False)
            self.ownerless_due += is_due and owner is None

    def plan_tasks(self):
        """Tasks that ended."""
        captured = {row["task_id"]: row["terminal_at"] for row in self.rows("task_facts")}
        for row in self.tasks.values():
            if row["status"] in ("succeeded", "failed"):
                ended_at = parse_instant(row["completed_at"] or captured.get(row["id"]) or row["updated_at"])
                held = self.is_held(row["user_id"], row["batch_job_id"], row["id"])
                done = ("task_content", row["id"]) in self.redacted
                self.line(row["user_id"], "task_content").count(ended_at, held, done)

    def plan_usage(self):
        """The request log."""
        owners = {row["id"]: row["user_id"] for row in self.rows("enterprise_api_keys")}
        for row in self.rows("enterprise_api_usage"):
            owner = owners.get(row["api_key_id"])
            held = self.is_held(owner, row["batch_job_id"], None)
            empty = row["ip"] is None and row["user_agent"] is None
            done = empty or ("api_usage", row["id"]) in self.redacted
            self.line(owner, "api_usage").count(parse_instant(row["created_at"]), held, done)

    def plan_probes(self):
        """Availability probes."""
        cutoff = first_instant(self.as_of - timedelta(days=PROBE_DAYS), DEFAULT_ZONE)
        probes = {(row["target"], parse_instant(row["probed_at"]), oracle.truth(row["ok"]))
                  for row in self.rows("probes")}
        for _, probed_at, _ in probes:
            self.lines.setdefault(("", "probes"), Line(PROBE_DAYS, cutoff)).count(probed_at, False, False)

    def write(self, folder, account):
        """plan.csv"""
        folder.mkdir(parents=True, exist_ok=True)
        rows = [
            [slug, data_class, line.days, instant_text(line.cutoff), ACTIONS[data_class], line.due, line.held,
             line.kept, line.undated, moment_text(line.oldest), moment_text(line.newest_due)]
            for (slug, data_class), line in self.lines.items()
            if account in (None, slug)
        ]
        write_table(folder, "plan", COLUMNS.split(), rows)

    def totals(self):
        """Due and held rows by class, and how many due access-log rows have no owner."""
        totals = {"ownerless_due": self.ownerless_due}
        for (_, data_class), line in sorted(self.lines.items()):
            due, held = totals.get(data_class, (0, 0))
            totals[data_class] = (due + line.due, held + line.held)
        return totals


def main(arguments=None):
    """The command line."""
    parser = argparse.ArgumentParser(description="Calculates a retention plan from CSV files.")
    parser.add_argument("input", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--as-of", required=True, type=date.fromisoformat)
    parser.add_argument("--account")
    options = parser.parse_args(arguments)
    plan = Plan(options.input, options.as_of)
    plan.write(options.output, options.account)
    json.dump(plan.totals(), sys.stdout)
    print()


if __name__ == "__main__":
    main()
