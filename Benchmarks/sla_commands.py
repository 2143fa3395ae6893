"""The commands that the benchmark of the SLA report compares: the report, and what it stands against."""

import datetime
import json
import shutil
import subprocess
import sys
import time

from cluster import HERE, ROOT
from measuring import measure

MONTH = "2026-10"
# What the figures need of a task: whose and of which batch it is, what became of it, and the instants that count.
COLUMNS = "user_id, batch_job_id, model, status, failure_type, failure_reason, created_at, completed_at, updated_at"


def first_day(months_back=0, month=MONTH):
    """The first day of a month before the reported one."""
    year, number = map(int, month.split("-"))
    index = year * 12 + number - 1 - months_back
    return datetime.date(index // 12, index % 12 + 1, 1)


class Report:
    """The report of one database."""

    def __init__(self, daybook, url, folder, patience):
        self.folder, self.patience = folder, patience
        self.daybook = [daybook, "report", "sla"]
        self.options = ["--quiet", "--database", url]
        self.help = subprocess.run(
            [*self.daybook, "--help"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True
        ).stdout
        folder.mkdir(exist_ok=True)

    def knows(self, option):
        """Whether the program has this option."""
        return option in self.help.replace(",", " ").split()

    def run(self, name, *arguments, month=MONTH):
        """Measures the command; its outputs of the last time are at `output(name)`."""
        if self.output(name).exists():
            reports = len(list(self.output(name).iterdir()))
            shutil.rmtree(self.output(name))
            # ext4 passes over what was freed in the last five seconds, file by file: thousands of new ones would wait.
            time.sleep(6 if reports > 100 else 0)
        command = [*self.daybook, "--month", month, *self.options, *arguments, "--output", str(self.output(name))]
        return measure(command, patience=self.patience)

    def record(self, months_back):
        month = f"{first_day(months_back):%Y-%m}"
        if self.run("record", "--record", "--no-tasks", "--format", "csv", month=month).was_stopped:
            sys.exit(f"Recording {month} takes longer than {self.patience} s, so no recorded months are measured.")

    def output(self, name):
        return self.folder / name

    def csv(self, name, file):
        return self.output(name) / f"sla-{MONTH}" / file


class Baselines:
    """What the report of one database is measured against. None of it is Daybook's."""

    def __init__(self, server, database, python, folder, patience):
        self.server, self.database, self.python, self.folder, self.patience = server, database, python, folder, patience
        folder.mkdir(exist_ok=True)

    def where(self, months=1):
        return f"created_at >= '{first_day(months - 1)} 00:00Z' AND created_at < '{first_day(-1)} 00:00Z'"

    def columns(self, months=1):
        """COPY of the columns that the figures need, in binary and to nowhere."""
        copy = f"COPY (SELECT {COLUMNS} FROM public.video_tasks WHERE {self.where(months)}) TO STDOUT (FORMAT binary)"
        return measure(self.server.psql(self.database, "-c", copy), patience=self.patience)

    def tasks(self):
        """How many tasks that COPY gives."""
        return int(self.server.query(self.database, f"SELECT count(*) FROM public.video_tasks WHERE {self.where()}"))

    def script(self):
        """The script that an engineer would write."""
        url = f"postgresql:///{self.database}?host={self.server.folder}&user=postgres"
        command = [self.python, str(HERE / "polars_script.py"), url, MONTH, str(self.output("script"))]
        return measure(command, patience=self.patience)

    def rows_command(self):
        """COPY of the rows of tasks.csv as somebody who knows these data would write it: one contract, one clock, no
        outage. PostgreSQL writes instants and seconds as it does, which is less work than the report's forms."""
        limits = self.limits()
        cases = " ".join(f"WHEN '{model}' THEN interval '{seconds} s'" for model, seconds in limits.items())
        refused = "(t.failure_reason = 'input_moderation' OR t.failure_type = 'param_error')"
        copy = f"""COPY (
            SELECT t.id AS task_id, a.slug AS account, t.model, t.batch_job_id AS batch_id, t.batch_index,
                t.created_at AS accepted_at, t.created_at AS dispatched_at, t.completed_at AS terminal_at,
                extract(epoch FROM t.completed_at - t.created_at) AS seconds, t.status, t.failure_type,
                CASE WHEN t.status = 'processing' THEN 'in_flight_over'
                    WHEN t.status = 'succeeded' THEN
                        CASE WHEN t.completed_at > t.created_at + CASE t.model {cases} END THEN 'late' ELSE 'good' END
                    WHEN {refused} THEN 'excluded'
                    WHEN t.failure_type = 'timeout' THEN 'timed_out'
                    ELSE 'failed' END AS class,
                CASE WHEN t.status = 'failed' AND {refused} THEN 'input_refused' END AS reason
            FROM public.video_tasks AS t
            JOIN daybook.account AS a ON a.user_id = t.user_id
            WHERE {self.where().replace("created_at", "t.created_at")}
            ORDER BY t.id
        ) TO STDOUT (FORMAT csv, HEADER)"""
        return self.server.psql(self.database, "-c", "SET TIME ZONE 'UTC'", "-c", copy)

    def rows(self):
        with self.output("rows").open("wb") as file:
            return measure(self.rows_command(), stdout=file, patience=self.patience)

    def limits(self):
        """The seconds that the standard contract gives each model."""
        models = json.loads((ROOT / "reports" / "sla" / "standard-profile.json").read_text())["completion"]["models"]
        return {name: terms["limit_seconds"] for name, terms in models.items()}

    def output(self, name):
        return self.folder / f"{name}.csv"

    def remove_outputs(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
