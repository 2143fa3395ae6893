#!/usr/bin/env python3
"""A second, independent verification of the money: every invariant, with what breaks it.

Reads a deployment from CSV files and writes findings.csv (finding, reference, credits), ordered bytewise.
Plain loops over rows, no SQL. See README.md for the files and the command line.

| finding | reference | credits | broken |
|---|---|---|---|
| batch_counts_disagree | batch | | a settled batch's total, success or failed count is not its tasks' |
| charge_differs | batch | the gap | settled, and charged more than it delivered |
| completed_before_created | task | | its terminal instant is before its creation |
| delivered_unpaid | batch | the gap | it delivered more than its freezes less what came back |
| double_refund | batch | what was given too much | over-refunded, by several rows |
| duplicate_request_id | request_id | net charge of all but the first | an owner's request_id with several batches |
| expired_bonus_not_swept | user | what is left | the wallet holds bonus credit that has expired |
| freeze_disagrees | batch | the gap | freeze rows do not add up to the batch's frozen_credits |
| freeze_short | batch | the gap | it left the queue, and its freeze rows do not cover its tasks |
| late_refund | batch | | what is owed was refunded in full, later than the contract's deadline |
| ledger_model_disagrees | batch | | a freeze or refund row names another model than the batch's tasks |
| ledger_without_batch | ref_id, else entry | net amount | freeze or refund rows of a batch that the owner has not |
| missing_refund | batch | what is owed | settled, and nothing was refunded |
| negative_balance | user | the deepest point | the balance was negative after some entry |
| over_refund | batch | what was given too much | over-refunded, by one row |
| posted_in_future | entry | its amount | a ledger row dated after the snapshot |
| refund_booked_as_purchase | batch | | a purchase row refers to a batch |
| refund_without_charge | ref_id, else entry | the excess | refunds give back more than what they name took |
| short_refund | batch | what is lacking | settled, and less was refunded than is owed |
| spent_disagrees | batch | the gap | a settled batch's credits_spent is not its succeeded tasks' cost |
| stuck_batch | batch | what it holds | not settled, or with a task open, long after it should have been |
| wallet_drift | user | the gap | the wallet is not the sum of the ledger |

Where the definitions are silent this calculation decides as follows.

 1. Credits are never negative: they are the money at stake. Findings that are about time, counts or names
    have none. A finding whose gap is 0 (a late one, a count) is still a finding.
 2. Owed is frozen_credits minus the cost of the succeeded tasks, never below 0. Given back is the rows with
    ref_type batch_refund plus refunds booked as purchases, so that one defect is found once. A row of 0
    credits is a row: a batch that has one is short, not missing. A manual adjustment gives nothing back.
 3. Refunds are judged once every task is terminal: missing and short only in settled batches (until then
    they are pending, and later stuck), late only where the sum is right, double and over in any.
    In a settled batch whose tasks are not all terminal, or which has none, they are judged all the same,
    but never late.
 4. Stuck: a day (the contract's stuck_after_hours) has passed since its creation and a task of it is live, settled or
    not; or since its last task's end (its creation, where it holds credit and has no task), and it is not settled. What
    it holds is its freeze rows less its refund rows, never below 0; a settled one is asked for nothing.
 5. Counters of a batch that is not settled are not kept yet, and not judged; nor are the counts of a batch
    that was refused before it had tasks.
 6. Several freeze or refund rows of one unknown batch are one finding with their net amount. A batch of
    another owner is unknown, and its movements do not count for it.
 7. A batch whose tasks have several models has no model that a row could disagree with. A task without a model has the
    default one, sora-2.
 8. The wallet of an owner without a wallet holds 0. Nothing after the snapshot has happened, but a wallet knows no
    dates: it is compared with all rows of the ledger.
10. Of delivered_unpaid, charge_differs and freeze_short a batch has one, the first that applies. What a finding about
    its refunds (over, double, short, missing) names already is not counted again.
 9. A finding is about an owner whether or not there is an account; with --account only about its owner.
"""

import argparse
import json
from pathlib import Path

import oracle
from oracle import Books, INFINITY, Profile, Row, integer, parse_instant, read_rows, write_table

oracle.TEXT_COLUMNS.add("finding")
DEADLINE, STUCK_AFTER = 5 * oracle.MINUTE, 24 * oracle.HOUR


class Verification:
    """Everything that is wrong with a deployment's money."""

    def __init__(self, folder, now):
        self.folder, self.now, self.findings = folder, now, []
        self.books = Books(folder, now, lambda user: "sora-2")
        self.read_contracts()
        self.read_ledger()
        self.counters = {row["id"]: row for row in read_rows(folder, "batch_jobs") or []}
        for batch in self.books.batches.values():
            self.check_batch(batch)
        self.check_tasks()
        self.check_requests()
        self.check_ledger()
        self.check_wallets()

    def read_contracts(self):
        """The contract profile of each owner; None where no profiles are given: the standard terms."""
        path, self.contracts, self.accounts = self.folder / "profiles.json", {}, {}
        profiles = {}
        if path.exists():
            profiles = {data["name"]: Profile(data) for data in json.loads(path.read_text(encoding="utf-8"))}
        for row in read_rows(self.folder, "accounts") or []:
            self.accounts[row["slug"]] = row["user_id"]
            self.contracts[row["user_id"]] = profiles.get(row["contract_profile"] or "standard")
        self.standard = profiles.get("standard")

    def contract(self, user_id):
        """An owner's refund deadline and how long a batch may wait."""
        profile = self.contracts.get(user_id) or self.standard
        return (profile.refund_deadline, profile.stuck_after) if profile else (DEADLINE, STUCK_AFTER)

    def read_ledger(self):
        """Ledger rows in the order of (created_at, id), and by batch of their own owner."""
        self.rows, self.by_batch = [], {}
        self.all_rows = read_rows(self.folder, "credit_ledger") or []
        for row in self.all_rows:
            row["posted_at"], row["credits"] = parse_instant(row["created_at"]), int(row["credits_delta"])
            if row["posted_at"] > self.now:
                self.find("posted_in_future", row["user_id"], row["id"], abs(row["credits"]))
            if row["posted_at"] <= self.now:
                self.rows.append(row)
        self.rows.sort(key=lambda row: (row["posted_at"], int(row["id"])))
        for row in self.rows:
            batch = self.books.batches.get(row["ref_id"])
            if batch and batch.user_id == row["user_id"]:
                self.by_batch.setdefault(batch.id, []).append(row)

    def find(self, finding, user_id, reference, credits=None):
        """Writes a finding down."""
        self.findings.append((user_id, finding, reference, credits))

    # Batches

    def check_batch(self, batch):
        """A batch against its tasks and its ledger rows."""
        rows = self.by_batch.get(batch.id, [])
        freezes = [row for row in rows if row["ref_type"] == "batch_upfront"]
        refunds = [row for row in rows if row["ref_type"] == "batch_refund"]
        booked = [row for row in rows if row["type"] == "purchase" and row["ref_type"] != "batch_refund"]
        charged = -sum(row["credits"] for row in freezes)
        if charged != batch.frozen_credits:
            self.find("freeze_disagrees", batch.user_id, batch.id, abs(batch.frozen_credits - charged))
        if booked:
            self.find("refund_booked_as_purchase", batch.user_id, batch.id)
        self.check_refunds(batch, refunds + booked)
        models = {task.model or "sora-2" for task in batch.tasks}
        if len(models) == 1 and any(row["model"] not in models | {None} for row in freezes + refunds):
            self.find("ledger_model_disagrees", batch.user_id, batch.id)
        self.check_charge(batch, charged, sum(row["credits"] for row in refunds + booked))
        if batch.settled:
            self.check_counters(batch)
        held = max(0, charged - sum(row["credits"] for row in refunds))
        if self.is_stuck(batch, held):
            self.find("stuck_batch", batch.user_id, batch.id, None if batch.settled else held)

    def check_charge(self, batch, charged, given):
        """What a batch was charged against what it delivered and what its tasks cost."""
        gap, left = charged - given - batch.delivered, batch.owed - given
        unpaid, too_much = -gap, gap if batch.settled else 0
        if batch.settled or batch.all_ended:
            unpaid -= max(0, -left)
        if batch.settled:
            too_much -= max(0, left)
        short = sum(task.cost for task in batch.tasks) - charged
        if self.counters[batch.id]["status"] == "queued":
            short = 0
        for finding, credits in (("delivered_unpaid", unpaid), ("charge_differs", too_much), ("freeze_short", short)):
            if credits > 0:
                return self.find(finding, batch.user_id, batch.id, credits)

    def check_refunds(self, batch, returns):
        """What a batch owes against what was given back."""
        given = sum(row["credits"] for row in returns)
        owed = batch.owed
        if not batch.all_ended and not batch.settled:
            return
        if given > owed:
            self.find("double_refund" if len(returns) > 1 else "over_refund", batch.user_id, batch.id, given - owed)
        elif given < owed:
            if batch.settled:
                self.find("short_refund" if returns else "missing_refund", batch.user_id, batch.id, owed - given)
        elif owed > 0 and batch.all_ended and returns:
            deadline, _ = self.contract(batch.user_id)
            if max(row["posted_at"] for row in returns) - batch.last_terminal > deadline:
                self.find("late_refund", batch.user_id, batch.id)

    def check_counters(self, batch):
        """A settled batch's own columns against its tasks."""
        row, states = self.counters[batch.id], [task.status for task in batch.tasks]
        counts = [len(states), states.count("succeeded"), states.count("failed")]
        kept = [integer(row[column]) for column in ("total_count", "success_count", "failed_count")]
        if states and kept != counts:
            self.find("batch_counts_disagree", batch.user_id, batch.id)
        gap = abs((integer(row["credits_spent"]) or 0) - batch.delivered)
        if gap:
            self.find("spent_disagrees", batch.user_id, batch.id, gap)

    def is_stuck(self, batch, held):
        """Whether a batch has waited too long: for its tasks, or for its settlement."""
        wait = self.contract(batch.user_id)[1]
        if batch.tasks and not batch.all_ended:
            return self.now - batch.created_at > wait
        if batch.settled or not (batch.tasks or held > 0):
            return False
        return self.now - (batch.last_terminal if batch.tasks else batch.created_at) > wait

    # Tasks, requests, ledger, wallets

    def check_tasks(self):
        """Terminal instants against the instants of creation."""
        for task in self.books.tasks:
            if task.ended and task.terminal < task.accepted_at:
                self.find("completed_before_created", task.user_id, task.id)

    def check_requests(self):
        """One batch a request id of an owner."""
        batches = {}
        for batch in sorted(self.books.batches.values(), key=lambda batch: (batch.created_at, batch.id)):
            if batch.request_id is not None:
                batches.setdefault((batch.user_id, batch.request_id), []).append(batch)
        for (user_id, request_id), same in batches.items():
            if len(same) > 1:
                rows = [row for batch in same[1:] for row in self.by_batch.get(batch.id, [])]
                moved = -sum(row["credits"] for row in rows if row["ref_type"] in ("batch_upfront", "batch_refund"))
                self.find("duplicate_request_id", user_id, request_id, max(0, moved))

    def check_ledger(self):
        """Movements of batches that are not there, and balances below 0."""
        strays, balances, deepest = {}, {}, {}
        for row in self.rows:
            user_id = row["user_id"]
            balances[user_id] = balances.get(user_id, 0) + row["credits"]
            deepest[user_id] = min(deepest.get(user_id, 0), balances[user_id])
            batch = self.books.batches.get(row["ref_id"])
            if row["ref_type"] in ("batch_upfront", "batch_refund") and not (batch and batch.user_id == user_id):
                key = (user_id, row["ref_id"] or row["id"])
                strays[key] = strays.get(key, 0) + row["credits"]
        self.check_singles()
        for (user_id, reference), credits in strays.items():
            self.find("ledger_without_batch", user_id, reference, abs(credits))
        for user_id, balance in deepest.items():
            if balance < 0:
                self.find("negative_balance", user_id, user_id, -balance)

    def check_singles(self):
        """What came back without a batch against what was spent without one."""
        spent, returned = {}, {}
        for row in self.rows:
            key = (row["user_id"], row["ref_id"] or row["id"])
            if row["type"] == "spend" and row["ref_type"] not in ("batch_upfront", "batch_refund") and row["ref_id"]:
                spent[key] = spent.get(key, 0) - row["credits"]
            elif row["type"] == "refund" and row["ref_type"] not in ("batch_upfront", "batch_refund"):
                returned[key] = returned.get(key, 0) + row["credits"]
        for key, credits in returned.items():
            if credits > spent.get(key, 0):
                self.find("refund_without_charge", *key, credits - spent.get(key, 0))

    def check_wallets(self):
        """Wallets against the ledger, and bonus credit against its expiry."""
        rows = read_rows(self.folder, "credit_wallet")
        if rows is None:
            return
        wallets, sums = {row["user_id"]: row for row in rows}, {}
        for row in self.all_rows:
            sums[row["user_id"]] = sums.get(row["user_id"], 0) + row["credits"]
        for user_id in sorted(wallets.keys() | sums.keys()):
            wallet = wallets.get(user_id, Row())
            bonus = integer(wallet["bonus_credits"]) or 0
            gap = (integer(wallet["permanent_credits"]) or 0) + bonus - sums.get(user_id, 0)
            if gap:
                self.find("wallet_drift", user_id, user_id, abs(gap))
            expires_at = parse_instant(wallet["bonus_expires_at"])
            if bonus > 0 and expires_at is not None and expires_at <= self.now:
                self.find("expired_bonus_not_swept", user_id, user_id, bonus)

    def write(self, folder, account):
        """findings.csv"""
        folder.mkdir(parents=True, exist_ok=True)
        owner = self.accounts[account] if account else None
        rows = [row[1:] for row in self.findings if owner in (None, row[0])]
        write_table(folder, "findings", ["finding", "reference", "credits"], rows)


def main(arguments=None):
    """The command line."""
    parser = argparse.ArgumentParser(description="Verifies the money of a deployment from CSV files.")
    parser.add_argument("input", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--now", type=parse_instant, default=INFINITY)
    parser.add_argument("--account")
    options = parser.parse_args(arguments)
    Verification(options.input, options.now).write(options.output, options.account)


if __name__ == "__main__":
    main()
