"""A month of many customers, and the commands that make a month's end of it."""

import shutil
import tempfile
import time

import cluster
from measuring import measure, say

MONTH = "2026-10"
# What every customer has in the month, one with another: most batches belong to few of them.
BATCHES, TASKS = 10, 250
# Something to look at, which is no failure.
FOUND = 2


def load(server, database, daybook, folder, customers):
    """Makes a database with a month of so many customers."""
    say(f"loading {customers * TASKS:,} tasks in {customers * BATCHES:,} batches of {customers:,} customers")
    started = time.perf_counter()
    cluster.create(server, database, daybook, folder)
    cluster.fill(
        server,
        database,
        folder,
        "data.sql",
        "month.sql",
        customers=customers,
        batches=customers * BATCHES,
        tasks=customers * TASKS,
        months=1,
        month=f"{MONTH}-01 00:00Z",
    )
    cluster.import_accounts(server, database, daybook, folder, plans=("prepaid", "payg"))
    # The index that Daybook's own databases have, as the documents tell a deployment to make it.
    server.query(
        database,
        "CREATE INDEX credit_ledger_balance ON public.credit_ledger (user_id, created_at, id) INCLUDE (credits_delta)",
    )
    cluster.settle(server, database)
    say(f"  {time.perf_counter() - started:.0f} s")


class MonthEnd:
    """The commands of a month's end over one database: each part alone, and all of it."""

    PARTS = {
        "ledger verify": ("ledger", "verify", "--format", "csv"),
        "report sla": ("report", "sla"),
        "report sla --all": ("report", "sla", "--all"),
        "report statement --all": ("report", "statement", "--all"),
    }
    WHOLE = "month run"

    def __init__(self, daybook, url, folder, patience):
        self.daybook, self.url, self.folder, self.patience = daybook, url, folder, patience

    def commands(self):
        parts = {name: lambda words=words: self.part(words) for name, words in self.PARTS.items()}
        return {**parts, self.WHOLE: self.whole}

    def part(self, words):
        if words[0] == "ledger":
            return self.run(*words)
        output = self.output()
        return self.run(*words, "--month", MONTH, "--quiet", "--output", output)

    def whole(self):
        return self.run(*self.arguments(self.output()))

    def arguments(self, output):
        return "month", "run", MONTH, "--quiet", "--output", output

    def output(self):
        """A new folder each time: ext4 looks for recently deleted inodes whenever it makes a file."""
        return tempfile.mkdtemp(prefix="out-", dir=self.folder)

    def run(self, *words):
        command = [self.daybook, *words, "--database", self.url]
        return measure(command, patience=self.patience, is_fine=lambda status: status in (0, FOUND))

    def remove_outputs(self):
        for output in self.folder.glob("out-*"):
            shutil.rmtree(output)
