#!/usr/bin/env python3
"""What the unspent purchased credits of every prepaid account cost at the end of a month, and those that batches hold.

Reads a deployment from CSV files as statement.py does, by whose rules credits are drawn, and prints for each account
its slug, what is left and what is held, in millionths of a dollar.
"""

import argparse
from pathlib import Path

from oracle import INFINITY, parse_instant, read_rows
from statement import Ledger, Statement, lots_and_draws


def main():
    """The command line."""
    parser = argparse.ArgumentParser(description="Calculates deferred revenue from CSV files.")
    parser.add_argument("input", type=Path)
    parser.add_argument("--month", required=True)
    parser.add_argument("--now", type=parse_instant, default=INFINITY)
    options = parser.parse_args()
    ledger = Ledger(options.input)
    for account in read_rows(options.input, "accounts"):
        if account["plan"] != "prepaid":
            continue
        statement = Statement(ledger, account, options.month, options.now, None)
        lots, draws, _ = lots_and_draws(statement.entries)
        held = sum(draw.cost for batch in statement.batches if not batch.settled_by(statement.happened)
                   for draw in draws.get(batch.id, []))
        print(account["slug"], sum(lot.cost for lot in lots), held)


if __name__ == "__main__":
    main()
