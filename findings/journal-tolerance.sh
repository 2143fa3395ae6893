#!/bin/bash
# Two accounting programs call a transaction balanced that is a third of a cent off, each for a reason of its own.
#
# Versions: beancount 3.2.0 (Python 3.11), hledger 1.25-2+b5 (Debian 12).
# Guess before the run: double entry is exact: both refuse 10.00 - 6.123456 - 3.880000.
# Seen: beancount tolerates half of the last digit of the coarsest amount of a transaction: one leg with two decimals
#   allows 0.005, the same with six is refused. hledger 1.25 is exact, until the journal says how its commodity is
#   shown (`commodity 1000.00 USD`): then what is shown has to balance. A journal in millionths that is to be checked
#   writes every amount with six decimals, and declares no display.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q beancount==3.2.0
(cd "$folder" && apt-get download -q hledger=1.25-2+b5 >/dev/null 2>&1 && dpkg -x hledger_*.deb .)
beancount() { # AMOUNT of the purchase
    cat >"$folder/month.beancount" <<B
2026-01-01 open Assets:Bank
2026-01-01 open Income:Drawn
2026-01-01 open Liabilities:Deferred
2026-10-01 * "Drawn"
  Assets:Bank            $1 USD
  Income:Drawn           -6.123456 USD
  Liabilities:Deferred   -3.880000 USD
B
    if "$folder/venv/bin/bean-check" "$folder/month.beancount" >/dev/null 2>&1; then echo balanced; else echo refused; fi
}
hledger() { # FIRST LINE of the journal
    cat >"$folder/month.journal" <<H
$1

2026-10-01 Drawn
  assets:bank            10.00 USD
  income:drawn           -6.123456 USD
  liabilities:deferred   -3.880000 USD
H
    if "$folder/usr/bin/hledger" -f "$folder/month.journal" check >/dev/null 2>&1; then echo balanced; else echo refused; fi
}
seen=$(
    echo "beancount, 10.00: $(beancount 10.00)"
    echo "beancount, 10.000000: $(beancount 10.000000)"
    echo "hledger: $(hledger '; no commodity is declared')"
    echo "hledger, commodity 1000.00 USD: $(hledger 'commodity 1000.00 USD')"
)
expected='beancount, 10.00: balanced
beancount, 10.000000: refused
hledger: refused
hledger, commodity 1000.00 USD: balanced'
echo "$seen"
diff <(echo "$expected") <(echo "$seen") || { echo "The behaviour has changed." >&2; exit 1; }
