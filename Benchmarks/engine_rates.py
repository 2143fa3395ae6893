"""How many tasks workers take from ready to settled in a second, and the processor time that a task costs.

Everything is on: fsync, the spool, the gates, money, settlement. The provider is in the worker's own process and answers
at once (`engine-worker`), and the engine's clock runs sixty times as fast, so that nobody waits for polls. Each case has
a database of its own, made from one template. Workers begin before the gates open: what is measured is from there to the
last settlement.
"""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

CLOCK = 60
TICKS = os.sysconf("SC_CLK_TCK")
TEMPLATE = "rates"
HEADERS = ["workers", "tasks a second", "server, ms of processor a task", "workers, ms of processor a task", "ratio"]
WRONG = """
SELECT (SELECT count(*) FROM daybook.task WHERE state <> 'succeeded')
    + (SELECT count(*) FROM daybook.batch WHERE spent <> frozen OR settled_at IS NULL)
"""
PATIENCE_SECONDS = 1200
SETUP = f"""
INSERT INTO daybook.test_clock (rate, origin, anchor) VALUES ({CLOCK}, now() - interval '12 hours', now());
UPDATE daybook.model_gate SET max_in_flight = 4000, blocked_until = 'infinity';
CREATE FUNCTION public.bench_customer(n integer) RETURNS uuid LANGUAGE sql AS $$ SELECT md5('customer ' || n)::uuid $$;
CREATE FUNCTION public.bench_customers(n integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.users (id) SELECT public.bench_customer(i) FROM generate_series(1, n) AS i ON CONFLICT DO NOTHING;
    PERFORM daybook.open_lot(public.bench_customer(i), 'purchased', 1000000, 1000, NULL, 'purchase', 'purchase',
        'bench ' || i, 'bench', NULL) FROM generate_series(1, n) AS i;
END $$;
CREATE FUNCTION public.bench_batch(n integer, items integer) RETURNS uuid LANGUAGE sql AS $$
    SELECT batch_id FROM daybook.create_batch(public.bench_customer(n), gen_random_uuid()::text, '\\x00', NULL,
        array_fill('sora-2'::text, ARRAY[items]), array_fill(10::bigint, ARRAY[items]),
        array_fill('A lighthouse at dawn'::text, ARRAY[items]), array_fill('16:9'::text, ARRAY[items]),
        array_fill(10::bigint, ARRAY[items]), array_fill(NULL::text, ARRAY[items]), ARRAY['sora-2', 'veo-flash'])
$$;
"""
# Tasks of long ago, a batch of a thousand each, as the engine leaves them.
ENDED = """
WITH b AS (
    INSERT INTO daybook.batch (user_id, batch_id, owner, request_id, fingerprint, created_at, frozen, spent, settled_at)
    SELECT public.bench_customer(1), md5('old batch ' || n)::uuid, 'engine', 'old ' || n, '\\x00', now(), 10000, 10000, now()
    FROM generate_series(1, {thousands}) AS n
    RETURNING batch_id
)
INSERT INTO public.batch_jobs (id, user_id, status, total_count, cost_per_video, created_at, updated_at, completed_at)
SELECT batch_id, public.bench_customer(1), 'completed', 1000, 10, now(), now(), now() FROM b;
INSERT INTO public.video_tasks (id, user_id, model, prompt, aspect_ratio, duration, size, status, batch_job_id, batch_index)
SELECT md5(n || ' old ' || i)::uuid, public.bench_customer(1), 'sora-2', 'A lighthouse at dawn', '16:9', 10, 'small',
    'succeeded', md5('old batch ' || n)::uuid, i
FROM generate_series(1, {thousands}) AS n, generate_series(0, 999) AS i;
INSERT INTO daybook.task_fact (user_id, task_id, cost_credits)
SELECT user_id, id, 10 FROM public.video_tasks WHERE status = 'succeeded';
INSERT INTO daybook.task (user_id, task_id, batch_id, batch_index, model, cost, state, attempts, created_at, ready_at,
    expires_at, dispatched_at, accepted_at, deadline_at, ended_at, provider_task_id)
SELECT user_id, id, batch_job_id, batch_index, 'sora-2', 10, 'succeeded', 1, now(), now(), now(), now(), now(), now(),
    now(), 'old ' || id
FROM public.video_tasks WHERE status = 'succeeded';
INSERT INTO daybook.submission (user_id, nonce, task_id, attempt, worker_id, outcome, intent_at, provider_task_id)
SELECT user_id, decode(replace(id::text, '-', ''), 'hex'), id, 1, 0, 'accepted', now(), 'old ' || id
FROM public.video_tasks WHERE status = 'succeeded';
"""


@dataclass(frozen=True)
class Rate:
    """One case: how many tasks, in what time, by how much processor time of the server and of the workers."""

    tasks: int
    seconds: float
    server: float
    workers: float

    @property
    def per_second(self):
        return self.tasks / self.seconds

    def milliseconds(self):
        """Of processor time, of a task: the server's and the workers'."""
        return 1000 * self.server / self.tasks, 1000 * self.workers / self.tasks


def processor_seconds(pid, with_ended_children=False):
    """User and system time of a process, zero once it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return sum(int(field) for field in fields[11 : 15 if with_ended_children else 13]) / TICKS


class Rates:
    """The cases, on a server that is the benchmark's own."""

    def __init__(self, server, daybook, worker, slots=128, polls=128):
        self.server, self.daybook, self.worker = server, daybook, worker
        self.slots, self.polls = slots, polls
        self.number = 0
        server.run("createdb", "-h", server.folder, "-U", "postgres", TEMPLATE)
        subprocess.run(
            [daybook, "database", "migrate", "--database", self.conninfo(TEMPLATE)], check=True, stdout=subprocess.DEVNULL
        )
        server.psql(SETUP, TEMPLATE)

    def conninfo(self, database):
        return f"host={self.server.folder} user=postgres dbname={database}"

    def server_seconds(self):
        """Of the server's processes that live, and of those that the first of them has seen end."""
        first = int(Path(f"{self.server.folder}/data/postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
        return processor_seconds(first, True) + sum(processor_seconds(child) for child in children)

    def measured(self, sql, tasks, workers=1, beside=None, during=None, after=None):
        """Makes a database with the work of a script, and works it off by so many workers; gives the rate, and the answer
        to a question that is asked afterwards.

        `beside` is what another session has begun and not ended meanwhile, `during` what happens to the database then.
        """
        self.number += 1
        database = f"rates_{self.number}"
        self.server.run("createdb", "-h", self.server.folder, "-U", "postgres", "-T", TEMPLATE, database)
        self.server.psql(sql, database)
        other = Question(self.server, database) if beside else None
        running = []
        try:
            if other:
                other.ask(beside)
            running += [self.start(database) for _ in range(workers)]
            for process in running:
                self.wait_for(process)
            rate = self.run(database, running, tasks, during)
            question = Question(self.server, database)
            wrong = question.ask(WRONG)
            answer = question.ask(after) if after else None
            question.end()
            if wrong != "0":
                raise SystemExit(f"{wrong} tasks or batches did not end as they should")
        finally:
            for process in running:
                process.send_signal(signal.SIGTERM)
            for process in running:
                process.wait()
            if other:
                other.end()
        self.server.run("dropdb", "-h", self.server.folder, "-U", "postgres", database)
        return rate, answer

    def wait_for(self, process):
        if process.stdout.readline() != "working\n":
            raise SystemExit("a worker did not begin")

    def start(self, database, workers=1):
        """A process with so many workers, each of which says once that it has begun."""
        command = [self.worker, self.conninfo(database), f"{self.server.folder}/spool-{database}"]
        return subprocess.Popen(
            [*command, str(self.slots), str(self.polls), str(workers)], stdout=subprocess.PIPE, text=True
        )

    def run(self, database, running, tasks, during):
        question = Question(self.server, database)
        before = self.server_seconds(), sum(processor_seconds(process.pid) for process in running)
        begun = time.perf_counter()
        question.ask("UPDATE daybook.model_gate SET blocked_until = NULL; NOTIFY daybook_ready")
        if during:
            question.end()
            during(self.server, database)
            question = Question(self.server, database)
        while question.ask("SELECT count(*) FROM daybook.batch WHERE settled_at IS NULL") != "0":
            if time.perf_counter() - begun > PATIENCE_SECONDS:
                raise SystemExit("the workers did not end their work")
            time.sleep(0.05)
        seconds = time.perf_counter() - begun
        after = self.server_seconds(), sum(processor_seconds(process.pid) for process in running)
        question.end()
        return Rate(tasks, seconds, after[0] - before[0], after[1] - before[1])

    def idle(self, workers, seconds):
        """The share of a core that workers without work take, the server's and theirs, and the WAL syncs of a second."""
        self.server.run("createdb", "-h", self.server.folder, "-U", "postgres", "-T", TEMPLATE, "idle")
        process = self.start("idle", workers)
        try:
            for _ in range(workers):
                self.wait_for(process)
            question = Question(self.server, "idle")
            time.sleep(3)
            syncs = "SELECT wal_sync FROM pg_stat_wal"
            before = self.server_seconds(), processor_seconds(process.pid), int(question.ask(syncs))
            time.sleep(seconds)
            after = self.server_seconds(), processor_seconds(process.pid), int(question.ask(syncs))
            question.end()
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()
        self.server.run("dropdb", "-h", self.server.folder, "-U", "postgres", "idle")
        return tuple((late - early) / seconds for early, late in zip(before, after))


class Question:
    """A session that is asked one thing after another."""

    def __init__(self, server, database):
        command = ["psql", "-h", server.folder, "-U", "postgres", "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", database]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, sql):
        """The lines of the answer, as one text."""
        self.process.stdin.write(f"{sql};\n\\echo .\n")
        self.process.stdin.flush()
        lines = []
        while (line := self.process.stdout.readline()) != ".\n":
            if not line:
                raise SystemExit(f"no answer to {sql}")
            lines.append(line.strip())
        return "".join(lines)

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def work(batches, items, customers=1):
    """A script that makes so many batches, of so many items each, of customers in turn."""
    return (
        f"SELECT public.bench_customers({customers});\n"
        f"SELECT public.bench_batch(1 + i % {customers}, {items}) FROM generate_series(1, {batches}) AS i"
    )


def restart(server, _):
    """The server is restarted at once, some time after the work began."""
    time.sleep(RESTART_AFTER_SECONDS)
    server.run("pg_ctl", "-D", f"{server.folder}/data", "-l", f"{server.folder}/log", "-w", "-s", "-m", "immediate", "restart")


# Of the tasks that ended after the restart, the first second in which they did at nine tenths of the rate before it.
RECOVERY = f"""
WITH ended AS (
    SELECT extract(epoch FROM t.ended_at - c.origin) / {CLOCK} + extract(epoch FROM c.anchor) AS at
    FROM daybook.task AS t, daybook.test_clock AS c
), start AS (SELECT extract(epoch FROM pg_postmaster_start_time()) AS at),
rate AS (
    SELECT count(*) / greatest(start.at - min(ended.at), 0.1) AS before FROM ended, start WHERE ended.at < start.at
    GROUP BY start.at
), seconds AS (
    SELECT ceil(ended.at - start.at) AS second, count(*) AS n FROM ended, start WHERE ended.at >= start.at GROUP BY 1
)
SELECT coalesce(min(second)::text, 'not before its end') FROM seconds, rate WHERE n >= 0.9 * rate.before
"""
RESTART_AFTER_SECONDS = 5
# How long a batch of ten took from its creation, in seconds of the machine.
SMALL_BATCH = f"""
SELECT extract(epoch FROM max(t.ended_at) - min(c.opened)) / {CLOCK} FROM daybook.task AS t, (
    SELECT min(dispatched_at) AS opened FROM daybook.task
) AS c WHERE t.user_id = public.bench_customer(2)
"""


def row(name, rate, ratio=None):
    server, workers = rate.milliseconds()
    return (name, f"{rate.per_second:,.0f}", f"{server:.2f}", f"{workers:.2f}", f"{ratio:.2f}" if ratio else "")


def cases(rates, small):
    """The lines of all cases."""
    tasks, customers, ended, idle = (200, 50, 2, 4) if small else (20_000, 10_000, 1_000, 50)
    lines, alone = [], {}
    for workers in (1, 2, 4):
        alone[workers], _ = rates.measured(work(4, tasks // 4, 4), tasks, workers)
        lines.append(row(f"{workers}: {tasks:,} tasks of four customers", alone[workers]))
    usual = alone[2].per_second
    snapshot = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM daybook.task"
    rate, _ = rates.measured(work(4, tasks // 4, 4), tasks, 2, beside=snapshot)
    lines.append(row("2: beside another session's old snapshot", rate, rate.per_second / usual))
    old = "SELECT public.bench_customers(4);" + ENDED.format(thousands=ended)
    more = f"SELECT public.bench_batch(i, {tasks // 4}) FROM generate_series(1, 4) AS i"
    rate, _ = rates.measured(old + more, tasks, 2)
    lines.append(row(f"2: with {ended * 1000:,} ended tasks in the tables, never analyzed", rate, rate.per_second / usual))
    rate, _ = rates.measured(work(customers, 1, customers), customers, 2)
    lines.append(row(f"2: {customers:,} customers with one task each", rate, rate.per_second / usual))
    _, seconds = rates.measured(work(1, 10, 2), 10, 2, after=SMALL_BATCH)
    both = "SELECT public.bench_customers(2);" + "".join(
        f"SELECT public.bench_batch({customer}, {items});" for customer, items in [(1, tasks // 2), (2, 10)]
    )
    rate, beside = rates.measured(both, tasks // 2 + 10, 2, after=SMALL_BATCH)
    lines.append(
        row(f"2: a batch of 10 beside one of {tasks // 2:,}; the ratio is of its time", rate, float(beside) / float(seconds))
    )
    if not small:
        rate, recovery = rates.measured(work(4, tasks // 2, 4), 2 * tasks, 2, during=restart, after=RECOVERY)
        lines.append(row(f"2: full rate after an immediate restart within seconds: {recovery}", rate))
    for name, per_second in peers(rates.server, tasks):
        lines.append((f"1: {name}, jobs that do nothing", f"{per_second:,.0f}", "", "", f"{alone[1].per_second / per_second:.2f}"))
    server, workers, syncs = rates.idle(idle, 3 if small else 20)
    lines.append((f"{idle} without work: {syncs:.0f} WAL syncs a second", "", f"{100 * server:.1f} % of a core",
                  f"{100 * workers:.1f} % of a core", ""))
    return lines


def peers(server, jobs):
    """The rates of other queues on the same server, where BENCH_QUEUES names a Python that has them."""
    python = os.environ.get("BENCH_QUEUES")
    for name in ("pgqueuer", "procrastinate") if python else ():
        database = f"peer_{name}"
        server.run("createdb", "-h", server.folder, "-U", "postgres", database)
        command = [python, str(Path(__file__).with_name("engine_peers.py")), name, server.folder, database, str(jobs)]
        run = subprocess.run(command, capture_output=True, text=True)
        if run.returncode == 0:
            yield name, float(run.stdout)
        else:
            print(f"{name} cannot be measured: {(run.stderr.strip().splitlines() or ['it says nothing'])[-1]}", file=sys.stderr)
        server.run("dropdb", "-h", server.folder, "-U", "postgres", "--force", database)
