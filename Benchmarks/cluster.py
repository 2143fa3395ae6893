"""The server of a benchmark, the deployment's tables in it, and the room that it needs."""

import gzip
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

from measuring import measure, say

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
ZONES = ["UTC", "America/New_York", "Europe/Berlin", "Asia/Shanghai", "Asia/Kolkata", "America/Sao_Paulo"]
SETTINGS = {
    "listen_addresses": "",
    "shared_buffers": "1GB",
    "fsync": "on",
    "autovacuum": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "30min",
}
# What must be free beyond the need, so that nobody else's disk is full meanwhile.
SPARE_GIGABYTES = 2


class Server:
    """A PostgreSQL server with its data and its socket in one folder. Root runs it as the user postgres."""

    def __init__(self, folder):
        self.folder = folder
        programs = subprocess.run(["pg_config", "--bindir"], capture_output=True, text=True, check=True).stdout.strip()
        self.programs = Path(os.environ.get("DAYBOOK_PG_BIN") or programs)
        folder.mkdir()
        self.prefix = []
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
            self.prefix = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]

    def call(self, program, *arguments):
        command = [*self.prefix, str(self.programs / program), *arguments]
        # In a session of its own: a Ctrl-C in the terminal stops the benchmark, which then stops the server.
        subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            cwd=self.folder,
            start_new_session=True,
            check=True,
        )

    def start(self):
        data = str(self.folder / "data")
        self.call("initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale")
        options = " ".join(f"-c {name}='{value}'" for name, value in SETTINGS.items())
        self.call(
            "pg_ctl",
            "-D",
            data,
            "-l",
            str(self.folder / "log"),
            "-w",
            "-s",
            "-o",
            f"-k {self.folder} {options}",
            "start",
        )

    def stop(self):
        if (self.folder / "data" / "postmaster.pid").exists():
            self.call("pg_ctl", "-D", str(self.folder / "data"), "-w", "-s", "-m", "immediate", "stop")

    def url(self, database):
        return f"host={self.folder} user=postgres dbname={database}"

    def psql(self, database, *arguments):
        return ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", self.url(database), *arguments]

    def query(self, database, sql):
        command = self.psql(database, "-A", "-t", "-c", sql)
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True
        ).stdout.strip()

    def version(self):
        return self.query("postgres", "SHOW server_version").split()[0]


def require_room(gigabytes, minutes):
    """Says what a run needs, and refuses where less is free."""
    free = shutil.disk_usage("/tmp").free / 1e9
    say(f"This needs up to {gigabytes} GB in /tmp, of which {free:.0f} GB are free, and takes about {minutes}.")
    if free < gigabytes + SPARE_GIGABYTES:
        sys.exit(
            f"The benchmark needs {gigabytes} GB in /tmp and leaves {SPARE_GIGABYTES} GB, but only {free:.1f} GB are "
            "free: make room, or take a smaller BENCH_SCALE."
        )


@contextmanager
def folder_of_a_run():
    """A temporary folder, gone afterwards whatever happens. A failed command ends the benchmark with a sentence."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    # The server's user must get through the folder; PostgreSQL's socket paths are short, so it is in /tmp itself.
    folder = Path(tempfile.mkdtemp(prefix="daybook-bench-", dir="/tmp"))
    folder.chmod(0o711)
    try:
        yield folder
    except KeyboardInterrupt:
        sys.exit(130)
    except subprocess.CalledProcessError as error:
        sys.exit(f"{error.cmd[0]} failed with {error.returncode}: {error.stderr or ''}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def running_server(folder):
    running = Server(folder / "server")
    try:
        running.start()
        yield running
    finally:
        running.stop()


def schema():
    """The deployment's tables and, apart, the indexes that its rows get once they are there."""
    with gzip.open(ROOT / "sample" / "deployment.sql.gz", "rt", encoding="utf-8") as lines:
        statements = []
        for line in lines:
            if line.startswith("COPY "):
                break
            if not line.startswith(("--", "BEGIN;")):
                statements.append(line)
    indexes = [line for line in statements if line.startswith("CREATE INDEX")]
    return "".join(line for line in statements if line not in indexes), "".join(indexes)


def create(server, database, daybook, folder):
    """Makes a database with the deployment's tables and Daybook's."""
    server.query("postgres", f"CREATE DATABASE {database}")
    tables, _ = schema()
    script = folder / f"{database}.sql"
    # The deployment's tables come first: an empty database would get the service's own.
    script.write_text(f"BEGIN;\n{tables}\nCOMMIT;\n")
    measure(server.psql(database, "-f", str(script)))
    measure([daybook, "database", "migrate", "--database", server.url(database)])


def fill(server, database, folder, *files, **variables):
    """Fills the deployment's tables by scripts of this folder. They are emptied in their own transaction: that needs no
    write-ahead log. Keys and indexes of what is large come last."""
    tables, indexes = schema()
    names = ", ".join(re.findall(r"CREATE TABLE (\S+)", tables))
    script = folder / f"{database}.sql"
    script.write_text(f"""BEGIN;
TRUNCATE {names};
ALTER TABLE video_tasks DROP CONSTRAINT video_tasks_pkey;
-- The rows are consistent by construction: foreign keys are not looked up.
SET LOCAL session_replication_role = replica;
SET LOCAL TimeZone = 'UTC';
SET LOCAL work_mem = '256MB';
SET LOCAL maintenance_work_mem = '512MB';
{"".join((HERE / file).read_text() for file in files)}
ALTER TABLE video_tasks ADD CONSTRAINT video_tasks_pkey PRIMARY KEY (id);
{indexes}
-- So that every reader, the baselines too, finds a month in a long history; the second one as database check says it.
CREATE INDEX video_tasks_created_at ON video_tasks USING brin (created_at);
CREATE INDEX video_tasks_batch_created ON video_tasks (batch_job_id, created_at);
COMMIT;
""")
    assignments = [argument for name, value in variables.items() for argument in ("-v", f"{name}={value}")]
    measure(server.psql(database, *assignments, "-f", str(script)))


def settle(server, database):
    """Brings what was loaded into the state of a table that lies still."""
    measure(server.psql(database, "-c", "VACUUM (ANALYZE)", "-c", "CHECKPOINT"))


def import_accounts(server, database, daybook, folder, plans=("prepaid",)):
    """Gives every user an account, in six time zones."""
    accounts = folder / f"{database}-accounts.csv"
    with accounts.open("w") as file:
        file.write("user_id,slug,name,plan,currency,timezone,retention_days,monthly_fee_usd,legal_hold\n")
        for number, owner in enumerate(server.query(database, "SELECT id FROM users ORDER BY id").splitlines(), 1):
            zone, plan = ZONES[number % len(ZONES)], plans[number % len(plans)]
            file.write(f"{owner},customer{number},Customer {number},{plan},USD,{zone},90,1500,\n")
    measure([daybook, "accounts", "import", str(accounts), "--database", server.url(database)])


def build():
    """The program to measure: DAYBOOK names one, else the release build is made as make install makes it."""
    if named := os.environ.get("DAYBOOK"):
        return named
    command = ["swift", "build", "-c", "release", "--static-swift-stdlib", "--package-path", str(ROOT)]
    subprocess.run([*command, "--product", "daybook"], stdin=subprocess.DEVNULL, stdout=sys.stderr, check=True)
    folder = subprocess.run([*command, "--show-bin-path"], capture_output=True, text=True, check=True).stdout.strip()
    return f"{folder}/daybook"
