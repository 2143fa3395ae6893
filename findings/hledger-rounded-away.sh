#!/bin/bash
# A balance that rounds to nothing on screen is missing from hledger's CSV and JSON too, and JSON's total misses it.
#
# Versions: hledger 1.25-2+b5 (Debian 12).
# Guess before the run: how a commodity is shown (`commodity $1.00`) is for people; CSV and JSON have every account and
#   the exact amounts, and a balanced journal totals nothing in both.
# Seen: drawn costs of 0.008 and 0.004 against 0.012 of deferred revenue. CSV rounds them, and leaves the account with
#   0.004 out; JSON keeps three decimals of those that are left, and totals -0.004 of a balanced journal. Without the
#   directive all three are there, and the total is nothing. `print` has the exact postings in any case: books of
#   millionths are read by that, or declare as many decimals as they have.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
(cd "$folder" && apt-get download -q hledger=1.25-2+b5 >/dev/null 2>&1 && dpkg -x hledger_*.deb .)
balances() { # FIRST LINE of the journal, FORMAT
    cat >"$folder/month.journal" <<H
$1

2026-10-01 drawn
  costs:sora  \$0.004
  costs:veo   \$0.004
  deferred    \$-0.008

2026-10-02 drawn
  costs:sora  \$0.004
  deferred    \$-0.004
H
    "$folder/usr/bin/hledger" -f "$folder/month.journal" balance -O "$2"
}
exactly() { # FIRST LINE of the journal
    balances "$1" json | python3 -c '
import json, sys
def amount(mixed):
    return sum(q["aquantity"]["decimalMantissa"] * 10 ** (6 - q["aquantity"]["decimalPlaces"]) for q in mixed)
rows, total = json.load(sys.stdin)
print({row[0]: amount(row[3]) for row in rows}, "total", amount(total), "millionths")'
}
seen=$(
    echo "csv, shown with two decimals: $(balances 'commodity $1.00' csv | tr -d '"\r' | tail -n +2 | tr '\n' ' ')"
    echo "json, shown with two decimals: $(exactly 'commodity $1.00')"
    echo "csv: $(balances '; no commodity is declared' csv | tr -d '"\r' | tail -n +2 | tr '\n' ' ')"
    echo "json: $(exactly '; no commodity is declared')"
)
expected='csv, shown with two decimals: costs:sora,$0.01 deferred,$-0.01 total,0 
json, shown with two decimals: {'"'costs:sora': 8000, 'deferred': -12000} total -4000 millionths"'
csv: costs:sora,$0.008 costs:veo,$0.004 deferred,$-0.012 total,0 
json: {'"'costs:sora': 8000, 'costs:veo': 4000, 'deferred': -12000} total 0 millionths"
echo "$seen"
diff <(echo "$expected") <(echo "$seen") || { echo "The behaviour has changed." >&2; exit 1; }
