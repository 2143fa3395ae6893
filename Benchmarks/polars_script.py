"""What an engineer would script instead of the report: PostgreSQL read by ADBC, counted by polars.

    polars_script.py "postgresql:///service" 2026-10 completion.csv

It computes the classes of a month's tasks and the nearest-rank percentiles of their times, over all customers by model,
and by customer and model, under the standard contract, on the one clock that such a deployment has.

It leaves out all else of the report: the second clock, captured instants and cancellations, outages of a provider,
contracts that differ or change, customers' own months, batches, refunds, money, keys, availability, service credits,
exceptions, past months, verdicts, and writing any of it for people.
"""

import datetime
import sys

import adbc_driver_postgresql.dbapi
import polars as pl

LIMIT_SECONDS = {"sora-2": 120, "veo-flash": 600, "veo-pro": 600}
PERCENTILES = {"p50": 50, "p90": 90, "p95": 95, "p99": 99, "max": 100}
BAD = ["late", "failed", "timed_out", "in_flight_over"]

TASKS = """
    SELECT user_id, model, status, failure_type, failure_reason, created_at, completed_at
    FROM public.video_tasks
    WHERE created_at >= $1 AND created_at < $2 AND batch_job_id IS NOT NULL
"""
ACCOUNTS = "SELECT user_id, slug FROM daybook.account"


def read(url, starts_at, ends_at):
    with adbc_driver_postgresql.dbapi.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(TASKS, (starts_at, ends_at))
        tasks = cursor.fetch_polars()
        cursor.execute(ACCOUNTS)
        return tasks, cursor.fetch_polars()


def classified(tasks):
    """The tasks with their class, and with the microseconds of a valid one; one that never succeeded has none."""
    limit = pl.col("model").replace_strict(LIMIT_SECONDS, return_dtype=pl.Int64) * 1_000_000
    took = (pl.col("completed_at") - pl.col("created_at")).dt.total_microseconds()
    refused = (pl.col("failure_type") == "param_error") | (pl.col("failure_reason") == "input_moderation")
    return (
        tasks.lazy()
        .with_columns(took=took)
        .with_columns(
            outcome=pl.when(~pl.col("status").is_in(["succeeded", "failed"]))
            .then(pl.lit("in_flight_over"))
            .when(pl.col("status") == "succeeded")
            .then(pl.when(pl.col("took") > limit).then(pl.lit("late")).otherwise(pl.lit("good")))
            .when(refused.fill_null(False))
            .then(pl.lit("excluded"))
            .when((pl.col("failure_type") == "timeout").fill_null(False))
            .then(pl.lit("timed_out"))
            .otherwise(pl.lit("failed"))
        )
    )


def counted(tasks, keys):
    """A row a group: how many of each class, and the percentiles in microseconds, null where one is never reached."""
    valid = pl.col("outcome") != "excluded"
    succeeded = pl.col("took").filter(pl.col("outcome").is_in(["good", "late"])).sort()

    def percentile(hundredths):
        rank = (valid.sum().cast(pl.Int64) * hundredths + 99) // 100
        return succeeded.get(rank - 1, null_on_oob=True)

    counts = {name: (pl.col("outcome") == name).sum() for name in ["good", *BAD, "excluded"]}
    return tasks.group_by(keys).agg(**counts, **{name: percentile(share) for name, share in PERCENTILES.items()})


def main(url, month, output):
    starts_at = datetime.datetime.strptime(f"{month}-01 +0000", "%Y-%m-%d %z")
    ends_at = (starts_at + datetime.timedelta(days=31)).replace(day=1)
    tasks, accounts = read(url, starts_at, ends_at)
    tasks = classified(tasks).cache()
    by_model = counted(tasks, ["model"]).with_columns(slug=pl.lit(""))
    by_customer = counted(tasks, ["user_id", "model"]).join(accounts.lazy(), on="user_id", how="left")
    columns = ["slug", "model", "good", *BAD, "excluded", *PERCENTILES]
    pl.concat([by_model.select(columns), by_customer.select(columns)]).sort("slug", "model").collect().write_csv(output)


if __name__ == "__main__":
    main(*sys.argv[1:])
