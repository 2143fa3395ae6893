#!/bin/bash
# The quantile that polars calls "nearest" (its default) is not the nearest rank; "equiprobable" is.
#
# Versions: polars 2.1.0, Python 3.11. Nearest rank: the ceil(p·n)-th smallest value, as percentile_disc of SQL.
# Guess before the run: the p95 of 1 to 12 is 12 (ceil(11.4)).
# Seen: "nearest" rounds p·(n-1), so it is 11: lower than nearest rank for 16 of the counts from 1 to 40, never higher.
#   With few tasks it calls a promise kept that was missed. "equiprobable" agrees for every count.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q polars==2.1.0
seen=$("$folder/venv/bin/python" - <<'P'
import polars
print("polars", polars.__version__)
def rank(n):
    return -(-95 * n // 100)
for name in ("nearest", "equiprobable"):
    differ = {n: polars.Series(range(1, n + 1)).quantile(0.95, name) for n in range(1, 41)}
    lower = [n for n, value in differ.items() if value < rank(n)]
    higher = [n for n, value in differ.items() if value > rank(n)]
    print(name, "of 12:", differ[12], "lower for", lower, "higher for", higher)
P
)
expected='polars 2.1.0
nearest of 12: 11.0 lower for [12, 13, 14, 15, 16, 17, 18, 19, 32, 33, 34, 35, 36, 37, 38, 39] higher for []
equiprobable of 12: 12.0 lower for [] higher for []'
echo "$seen"
diff <(echo "$expected") <(echo "$seen") || { echo "The behaviour has changed." >&2; exit 1; }
