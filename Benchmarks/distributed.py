"""The SLA report over history that Citus distributes, against the same report over one server."""

import os
import subprocess
import sys

import agreement
import results
from cluster import ROOT, import_accounts
from measuring import Series, measure, say
from sla_commands import Report

NAME, MOST = "SLA report over Citus, all formats, no drill-down / over one server", 2
VARIABLE = "BENCH_COORDINATOR"
# What a distributed run may not change.
FILES = ["completion.csv", "refunds.csv", "refund_exceptions.csv", "refund_rates.csv", "exceptions.csv"]


class Coordinator:
    """An empty database of a coordinator with a worker at least, by its connection string. What is made stays there."""

    def __init__(self, url):
        self.address = url

    def url(self, _database):
        return self.address

    def psql(self, _database, *arguments):
        return ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", self.address, *arguments]

    def query(self, database, sql):
        command = self.psql(database, "-A", "-t", "-c", sql)
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True
        ).stdout.strip()

    def require_empty(self):
        workers = self.query("", "SELECT count(*) FROM citus_get_active_worker_nodes()")
        if workers == "0" or self.query("", "SELECT to_regclass('public.video_tasks') IS NULL") != "t":
            sys.exit(f"{VARIABLE} has to name an empty database of a coordinator with at least one worker.")


def coordinator():
    """The one that the environment names; none where it names none."""
    url = os.environ.get(VARIABLE)
    if not url:
        say(f"{VARIABLE} names no coordinator of Citus, so the report over distributed history is not measured")
        return None
    named = Coordinator(url)
    named.require_empty()
    return named


def not_measured():
    return results.Line(NAME, "not measured", goal=f"at most {MOST}")


def copy(server, database, to):
    """Copies a deployment's tables, distributes them as their operator would, and adds Daybook's."""
    source = subprocess.Popen(
        [str(server.programs / "pg_dump"), "--schema=public", "--no-owner", server.url(database)],
        stdout=subprocess.PIPE,
    )
    filtered = subprocess.Popen(
        ["sed", "/^CREATE SCHEMA public;$/d"], stdin=source.stdout, stdout=subprocess.PIPE
    )
    subprocess.run(to.psql("", "-o", "/dev/null"), stdin=filtered.stdout, check=True)
    if source.wait() or filtered.wait():
        sys.exit(f"The database {database} could not be copied to the coordinator.")
    script = ROOT / "scripts" / "distribute-deployment.sql"
    subprocess.run(to.psql("", "-f", str(script)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)


def compare(server, database, report, daybook, folder, scale, to):
    """The month's report over both, of the same rows."""
    say("the report over distributed history against the one over one server")
    copy(server, database, to)
    measure([daybook, "database", "migrate", "--database", to.url("")])
    import_accounts(to, "distributed", daybook, folder)
    measure(to.psql("", "-c", "VACUUM (ANALYZE)"))
    distributed = Report(daybook, to.url(""), folder / "distributed-out", scale.patience)
    series = Series(
        {
            "report, distributed": lambda: distributed.run("figures", "--no-tasks"),
            "report": lambda: report.run("figures", "--no-tasks"),
        },
        scale.runs,
    )
    if not series.was_stopped("report, distributed") and not series.was_stopped("report"):
        for file in FILES:
            agreement.of_files(distributed.csv("figures", file), report.csv("figures", file))
        say(f"  {len(FILES)} files of the report are the same over both")
    return series, results.timed(NAME, series, "report, distributed", "report", MOST)
