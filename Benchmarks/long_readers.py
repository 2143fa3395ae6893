"""What else reads long histories: the custom reports that are shipped, a retention plan, and the close of a month.

Each is measured against COPY of the columns that it needs, in binary and to nowhere.
"""

import tempfile

import results
from measuring import Series, measure, say

PERIOD = "created_at >= '{month}-01Z' AND created_at < '{month}-01Z'::timestamptz + interval '1 month'"


class LongReaders:
    """The commands over the database of the statements. The reports' queries have a login that only reads."""

    def __init__(self, server, database, daybook, folder, month, patience):
        self.server, self.database, self.daybook, self.folder = server, database, daybook, folder
        self.month, self.patience = month, patience
        self.url = server.url(database)
        measure([daybook, "database", "roles", "--database", self.url])
        server.query(database, "CREATE ROLE bench_reader LOGIN IN ROLE daybook_report")
        self.reader = self.url.replace("user=postgres", "user=bench_reader")

    def ours(self, *arguments):
        return measure([self.daybook, *arguments, "--database", self.url], patience=self.patience)

    def report(self, name, *parameters):
        output = tempfile.mkdtemp(prefix="run-", dir=self.folder)
        chosen = [word for parameter in parameters for word in ("--param", parameter)]
        return self.ours(
            "report", "run", name, *chosen, "--quiet", "--format", "csv", "--output", output,
            "--report-database", self.reader,
        )  # fmt: skip

    def copied(self, *queries):
        commands = [word for query in queries for word in ("-c", f"COPY ({query}) TO STDOUT (FORMAT binary)")]
        return measure(self.server.psql(self.database, *commands), patience=self.patience)

    def lines(self, runs):
        period = PERIOD.format(month=self.month)
        tasks = (
            "SELECT id, user_id, batch_job_id, model, status, failure_type, failure_reason, created_at, completed_at "
            "FROM video_tasks"
        )
        batches = "SELECT batch_job_id, model FROM video_tasks"
        ledger = "SELECT user_id, type, ref_type, ref_id, credits_delta, created_at FROM credit_ledger"
        log = "SELECT video_id, action, created_at FROM video_external_access_log"
        owners = "SELECT id, user_id, batch_job_id, status, created_at, updated_at, completed_at FROM video_tasks"
        measured = [
            (
                "report run access, a month / COPY of the month's accesses",
                lambda: self.report("access", f"month={self.month}"),
                lambda: self.copied(f"{log} WHERE {period}"),
            ),
            (
                "report run failures, a month / COPY of the month's tasks",
                lambda: self.report("failures", f"month={self.month}"),
                lambda: self.copied(f"{tasks} WHERE {period}"),
            ),
            (
                "report run credits, 12 months / COPY of the ledger's columns and the tasks' models",
                lambda: self.report("credits", "from=2025-11", f"to={self.month}"),
                lambda: self.copied(ledger, batches),
            ),
            (
                "retention plan / COPY of the columns of log and tasks",
                lambda: self.ours("retention", "plan", "--as-of", "2026-11-05"),
                lambda: self.copied(log, owners),
            ),
        ]
        lines, peak, was_stopped = [], 0.0, False
        for name, ours, baseline in measured:
            say(name)
            series = Series({"ours": ours, "COPY": baseline}, runs)
            lines.append(results.timed(name, series, "ours", "COPY"))
            peak = max(peak, series.peak_megabytes("ours"))
            was_stopped = was_stopped or series.was_stopped("ours")
        lines.append(results.peak("peak memory of these four", peak, 150, not was_stopped))
        return lines

    def close(self, customers):
        """The close of the month, once: what is closed is not closed again."""
        say("the close of the month")
        run = self.ours("close", "month", self.month, "--quiet")
        name = f"close month of {customers:,} customers, all formats"
        mark = "over " if run.was_stopped else ""
        return [
            results.Line(name, f"{mark}{run.seconds:.2f} s"),
            results.peak(f"peak memory of {name}", run.peak_megabytes, 150, not run.was_stopped),
        ]
