"""What another queue takes of jobs that do nothing: no provider, no money. Prints the jobs of a second.

    python engine_peers.py pgqueuer|procrastinate SOCKET_FOLDER DATABASE JOBS

Each with its own installation, from the start of its worker to the end of the last job, in batches of fifty or with twenty
at once, as their own documents advise for speed.
"""

import asyncio
import sys
import time


async def pgqueuer(folder, database, jobs):
    import asyncpg
    from pgqueuer import PgQueuer
    from pgqueuer.db import AsyncpgDriver
    from pgqueuer.queries import Queries
    from pgqueuer.types import QueueExecutionMode

    connection = await asyncpg.connect(host=folder, user="postgres", database=database)
    queries = Queries(AsyncpgDriver(connection))
    await queries.install()
    await queries.enqueue(["nothing"] * jobs, [None] * jobs, [0] * jobs)
    worker = PgQueuer.from_asyncpg_connection(connection)

    @worker.entrypoint("nothing")
    async def nothing(_):
        pass

    begun = time.perf_counter()
    await worker.run(batch_size=50, mode=QueueExecutionMode.drain)
    seconds = time.perf_counter() - begun
    left = await connection.fetchval("SELECT count(*) FROM pgqueuer")
    await connection.close()
    return seconds, left


async def procrastinate(folder, database, jobs):
    from procrastinate import App, PsycopgConnector

    app = App(connector=PsycopgConnector(conninfo=f"host={folder} user=postgres dbname={database}"))

    @app.task(name="nothing")
    async def nothing():
        pass

    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        await nothing.batch_defer_async(*[{} for _ in range(jobs)])
        begun = time.perf_counter()
        await app.run_worker_async(concurrency=20, wait=False, install_signal_handlers=False, listen_notify=False)
        seconds = time.perf_counter() - begun
        rows = await app.connector.execute_query_one_async(
            "SELECT count(*) AS n FROM procrastinate_jobs WHERE status <> 'succeeded'"
        )
    return seconds, rows["n"]


def main():
    name, folder, database, jobs = sys.argv[1:]
    seconds, left = asyncio.run({"pgqueuer": pgqueuer, "procrastinate": procrastinate}[name](folder, database, int(jobs)))
    if left:
        sys.exit(f"{left} jobs were not done")
    print(int(jobs) / seconds)


if __name__ == "__main__":
    main()
