#!/usr/bin/env python3
"""Plays the life of a deployed service on its own tables and functions, the same for the same seed.

    generate_deployed.py play SEED FOLDER      writes load.sql and what the product imports
    generate_deployed.py prices SEED FOLDER    writes prices.csv from the credit_ledger.csv that was exported

load.sql creates deployed/deployment.sql and deployed/life.sql in an empty database, then calls the application's routes, payments,
adjustments and worker at random instants, which crowd around the ends of the accounts' months. Everything that the books say afterwards
was written by the deployment's own functions.
"""

import argparse
import csv
import json
import random
import uuid
from pathlib import Path

from generate import STANDARD
from oracle import DAY, HOUR, MINUTE, SECOND, instant_text, month_bounds, parse_instant, read_rows

HERE = Path(__file__).parent / "deployed"
BEGIN, END = parse_instant("2026-07-20T00:00:00Z"), parse_instant("2026-11-20T00:00:00Z")
FUTURE = "2190-01-01T00:00:00Z"
MONTHS = ["2026-08", "2026-09", "2026-10"]
ZONES = ["UTC", "America/Los_Angeles", "Asia/Tokyo", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Kiritimati", "Europe/Berlin"]
PRICES = {"sora-2": 10, "veo-flash": 50, "veo-pro": 250}
PLANS = [(0, 200, 7), (2000, 600, 14), (6000, 1500, 30), (20_000, 4000, 60)]
WORKER_STEPS = [20 * SECOND, MINUTE, 90 * SECOND, 3 * MINUTE, 7 * MINUTE, 13 * MINUTE, HOUR]
TERMS = ["user_id", "from_month", "plan", "currency", "time_zone", "monthly_fee_usd", "contract_profile"]


def literal(value):
    """A value as SQL writes it."""
    if value is None:
        return "NULL"
    if isinstance(value, (int, bool)):
        return str(value).lower()
    if isinstance(value, list):
        return "ARRAY[" + ", ".join(map(literal, value)) + "]"
    return "'" + value.replace("'", "''") + "'"


class Life:
    """What happens to one deployment, in the order of its instants."""

    def __init__(self, seed):
        self.random = random.Random(f"deployed {seed}")
        self.seed, self.events, self.counter, self.unbooked = seed, [], 0, []
        self.hears_callbacks = seed % 4 == 1
        self.month = self.random.choice(MONTHS)
        self.make_contracts()
        for user in self.users:
            self.make_customer(user)
        self.make_worker()
        self.make_mishaps()

    # Dice

    def chance(self, probability):
        """True that often."""
        return self.random.random() < probability

    def new_id(self):
        """A random UUID."""
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def moment(self, since=BEGIN):
        """An instant, often within minutes of the end of somebody's month."""
        if self.chance(0.4):
            edge = month_bounds(self.random.choice(MONTHS), self.random.choice(self.zones))[self.random.randint(0, 1)]
            instant = edge + self.random.choice([-SECOND, -1, 0, 1, SECOND, -5 * MINUTE, 2 * MINUTE, -HOUR, HOUR])
        else:
            instant = self.random.randint(BEGIN, END)
        return max(instant, since + SECOND)

    def at(self, instant, sql):
        """Something happens."""
        if instant < END:
            self.counter += 1
            self.events.append((instant, self.counter, sql))

    def call(self, instant, function, *values, types=()):
        """A call of the application's code."""
        casts = list(types) + [""] * len(values)
        arguments = ", ".join(literal(value) + cast for value, cast in zip(values, casts))
        self.at(instant, f"SELECT {function}({arguments});")

    # Who

    def make_contracts(self):
        """Profiles, accounts and their terms by month."""
        other = json.loads(json.dumps(STANDARD)) | {"name": "strict", "default_model": "veo-pro"}
        other["completion"]["clock"] = "accept"
        other["completion"]["models"]["sora-2"] = {"target_percent": "99.5", "limit_seconds": 60}
        del other["completion"]["models"]["veo-flash"]
        other["refund_deadline_seconds"], other["stuck_after_hours"] = 120, 12
        self.profiles = [STANDARD, other]
        self.users = [self.new_id() for _ in range(self.random.randint(2, 4))]
        self.accounts, self.terms, self.zones = [], [], ["UTC"]
        for number, user in enumerate(self.users):
            if number and self.chance(0.2):
                continue
            row = self.some_terms(user, "0001-01-01")
            self.accounts.append({
                "user_id": user, "slug": f"c{number}", "name": "Reels", "plan": row["plan"], "currency": "USD",
                "timezone": row["time_zone"], "retention_days": 180, "monthly_fee_usd": row["monthly_fee_usd"], "legal_hold": "",
                "contract_profile": row["contract_profile"],
            })
            self.terms.append(row)
            for month in MONTHS + ["2026-11"]:
                if self.chance(0.35):
                    self.terms.append(self.some_terms(user, f"{month}-01"))

    def some_terms(self, user, from_month):
        """Terms that hold from a month on."""
        self.zones.append(self.random.choice(ZONES))
        return {
            "user_id": user, "from_month": from_month, "plan": self.random.choice(["payg", "prepaid"]), "currency": "USD",
            "time_zone": self.zones[-1], "monthly_fee_usd": self.random.choice(["0", "0.30", "999.99", "1500"]),
            "contract_profile": self.random.choice(["standard", "standard", "strict"]),
        }

    def make_customer(self, user):
        """A customer's whole life."""
        born = BEGIN + self.random.randint(0, DAY)
        name = f"g-{self.users.index(user)}"
        self.at(born, f"INSERT INTO public.users (id, google_id, email) VALUES ('{user}', '{name}', '{name}@example.org');")
        keys = [f"key-{name}-{number}" for number in range(2)]
        for key in keys:
            self.at(born, f"INSERT INTO public.enterprise_api_keys (user_id, api_key) VALUES ('{user}', '{key}');")
        is_poor = self.chance(0.4)
        for instant in [born + MINUTE] + [self.moment(born) for _ in range(self.random.randint(1, 4))]:
            permanent, bonus, days = self.random.choice(PLANS[:1] if is_poor else PLANS)
            self.call(instant, "play.pay", user, permanent, bonus, instant_text(instant + days * DAY),
                      types=["", "", "", "::timestamptz"])
        for _ in range(self.random.randint(0, 5)):
            delta = self.random.choice([50, 70, -40, -60] if is_poor else [50, 700, 95_000, -40, -300, -2500, -10_000])
            self.call(self.moment(born), "play.adjust", user, delta, self.random.choice(["permanent", "bonus"]),
                      self.random.choice([None, 1, 30]))
        for _ in range(self.random.randint(8, 18)):
            self.make_batch(user, keys, self.moment(born))
        for _ in range(self.random.randint(2, 7)):
            model, instant, task = self.random.choice(list(PRICES)), self.moment(born), self.new_id()
            self.make_fate(instant, task)
            self.call(instant, "play.single", user, task, model, PRICES[model])
            self.work_after(instant)
        if self.chance(0.15):
            self.at(self.moment(born + 60 * DAY), f"SELECT play.remove('{user}');")

    def make_batch(self, user, keys, instant):
        """A batch by one of the two routes."""
        tasks = [self.new_id() for _ in range(self.random.choice([1, 1, 2, 2, 3, 3, 5, 5, 9, 10, 11 if self.chance(0.5) else 14]))]
        model = self.random.choice(["sora-2", "sora-2", "veo-flash", "veo-pro", None])
        models, batch = [model] * len(tasks), self.new_id()
        if self.chance(0.25):
            models = [self.random.choice(["sora-2", "veo-flash", "veo-pro", "kling-1", None]) for _ in tasks]
        for task in tasks:
            self.make_fate(instant, task)
        types = ["", "", "::uuid", "::int", "", "::uuid[]", "::text[]"]
        if self.chance(0.7):
            request = self.random.choice([f"r-{batch}", f"r-{batch}", "again-1"])
            webhook = self.random.choice([None, "https://hooks.example.org/done"])
            self.call(instant, "play.enterprise_batch", self.random.choice(keys), request, batch, 10, webhook, tasks, models, types=types)
            if self.chance(0.05):
                self.call(instant, "play.broken_batch", keys[0], self.new_id(), len(tasks))
            if self.chance(0.1):
                self.call(instant + MINUTE, "play.enterprise_batch", keys[0], request, self.new_id(), 10, webhook, [self.new_id()], models[:1],
                          types=types)
        else:
            price = PRICES.get(model, 10)
            self.call(instant, "play.consumer_batch", user, batch, price, tasks, [model] * len(tasks),
                      types=["::uuid", "::uuid", "::int", "::uuid[]", "::text[]"])
            if self.chance(0.15):
                self.at(instant, f"SELECT public.finalize_batch_credits('{batch}', '{user}', 0);")
                self.at(instant, f"SELECT play.take_back('{batch}');")
        self.work_after(instant)
        if self.hears_callbacks and self.chance(0.5):
            later = instant + self.random.choice([90 * SECOND, 8 * MINUTE, 2 * DAY])
            self.call(later, "play.callback", self.random.choice(tasks), self.random.choice(["succeeded", "failed"]), types=["::uuid"])
        if self.chance(0.2):
            # Something that moves nothing but updated_at, long after.
            later = instant + self.random.choice([HOUR, 3 * DAY, 40 * DAY])
            self.at(later, f"UPDATE public.batch_jobs SET webhook_last_error = 'x', updated_at = play.now() WHERE id = '{batch}';")
        if self.chance(0.3):
            self.at(instant + HOUR, "INSERT INTO public.video_external_access_log (video_id, user_id, action, source, policy_snapshot) "
                    f"VALUES ('{self.random.choice(tasks)}', NULL, 'play', 'internal', '{{}}');")

    def make_fate(self, instant, task):
        """What the provider will make of a task."""
        outcome = self.random.choices(
            ["succeeded", "failed", "refused", "network", "param", "hangs", "lost"], [72, 9, 6, 3, 3, 6, 0.3])[0]
        seconds = self.random.choice([5, 50, 60, 110, 119, 120, 121, 300, 599, 601, 1500])
        self.at(instant, f"INSERT INTO play.fate VALUES ('{task}', '{outcome}', '{seconds} seconds');")

    # The worker, and what goes wrong around it

    def work_after(self, instant):
        """The worker runs some times after something came in, now and then not for hours."""
        lag = self.random.choice([0, 0, 0, 0, 4 * MINUTE, 26 * HOUR])
        can_settle = self.chance(0.8)
        for step in WORKER_STEPS:
            for offset in range(self.random.randint(1, 3)):
                call = instant + lag + step + offset * 6 * SECOND + self.random.choice([0, 1, 999_999])
                self.run_worker(call, can_settle or step == HOUR)

    def run_worker(self, instant, can_settle=True):
        """One call of the worker: its three phases; killed now and then, or without its last one."""
        self.at(instant, f"SELECT play.dispatch({literal(self.chance(0.01))});")
        self.at(instant + SECOND, "SELECT play.poll();")
        if can_settle:
            self.at(instant + 2 * SECOND, f"SELECT play.settle({literal(self.chance(0.02))});")

    def make_worker(self):
        """It is also called by hand."""
        for _ in range(20):
            instant = self.random.randint(BEGIN, END)
            for step in range(6):
                self.run_worker(instant + step * 40 * SECOND)

    def make_mishaps(self):
        """A row that somebody dated in the future."""
        if self.seed % 5 == 0:
            user = self.users[0]
            self.unbooked.append(
                "INSERT INTO public.credit_ledger (user_id, type, credits_delta, ref_type, created_at)\n"
                f"SELECT id, 'purchase', 1234, 'stripe_payment', '{FUTURE}' FROM public.users WHERE id = '{user}';\n"
                f"UPDATE public.credit_wallet SET permanent_credits = permanent_credits + 1234 WHERE user_id = '{user}';")

    # Files

    def write(self, folder):
        """Everything into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        lines = [
            "SET client_min_messages = warning;", f"\\i {HERE / 'deployment.sql'}", f"\\i {HERE / 'life.sql'}", "\\o /dev/null", "BEGIN;",
            "SET LOCAL search_path = play, pg_catalog, public;",
        ]
        last = None
        for instant, _, sql in sorted(self.events):
            if instant != last:
                lines.append(f"SET LOCAL play.clock = '{instant_text(instant)}';")
            last = instant
            lines.append(sql)
        lines += self.unbooked + ["COMMIT;", "SELECT play.leave();", "DROP SCHEMA play CASCADE;", "\\o"]
        (folder / "load.sql").write_text("\n".join(lines) + "\n", encoding="utf-8")
        (folder / "profiles.json").write_text(json.dumps(self.profiles), encoding="utf-8")
        (folder / "arguments.json").write_text(json.dumps({"month": self.month, "account": self.some_account(), "cutoff": None}))
        self.write_rows(folder, "accounts", list(self.accounts[0]), self.accounts)
        self.write_rows(folder, "terms", TERMS, self.terms)
        self.write_probes(folder)

    def some_account(self):
        """The account of a report of one, or none."""
        return self.random.choice(self.accounts)["slug"] if self.chance(0.4) else None

    def write_probes(self, folder):
        """A component that was probed every minute around the month, or too little."""
        start, end = month_bounds(self.month, "UTC")
        step = MINUTE if self.seed % 3 == 0 else 7 * HOUR
        down = self.random.randint(0, 90)
        rows = [
            {"probed_at": instant_text(instant), "target": "batch-api", "ok": "f" if number < 3000 and number % 3000 < down else "t",
             "latency_ms": 10}
            for number, instant in enumerate(range(start - DAY, end + DAY, step))
        ]
        self.write_rows(folder, "probes", ["probed_at", "target", "ok", "latency_ms"], rows)

    @staticmethod
    def write_rows(folder, name, columns, rows):
        """A CSV file."""
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(rows)


def write_prices(seed, folder):
    """What half of the purchases cost, as somebody looked it up: such rows do not say."""
    dice, rows = random.Random(f"prices {seed}"), []
    for row in read_rows(folder, "credit_ledger"):
        if row["type"] == "purchase" and dice.random() < 0.5:
            rows.append({"entry_id": row["id"], "usd": dice.choice(["39", "99.00", "299", "0", "33.333333", "1"])})
    Life.write_rows(folder, "prices", ["entry_id", "usd"], rows)


def main():
    """The command line."""
    parser = argparse.ArgumentParser(description="Plays the life of a deployed service.")
    parser.add_argument("what", choices=["play", "prices"])
    parser.add_argument("seed", type=int)
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    if options.what == "play":
        Life(options.seed).write(options.folder)
    else:
        write_prices(options.seed, options.folder)


if __name__ == "__main__":
    main()
