#!/bin/bash
# ledger draws from no lot when the drawing names the lot's cost: the whole purchase stays open beside a negative lot.
#
# Versions: ledger 3.3.0-3 (Debian 12).
# Guess before the run: 100 of 5,000 credits that cost {0.02 USD} leave 4,900 of that cost.
# Seen: a purchase with `@@` makes a lot of cost and date, and `{0.02 USD}` alone names another one without a date:
#   5,000 and -100 stand side by side, and the sum of all is 5,000 of the dated lot. Only a drawing that names the cost
#   and [2026/10/01] closes it, which who draws first in, first out has to write himself.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
(cd "$folder" && apt-get download -q ledger=3.3.0-3 libboost-filesystem1.74.0=1.74.0+ds1-21 \
    libboost-iostreams1.74.0=1.74.0+ds1-21 libboost-python1.74.0=1.74.0+ds1-21 libboost-regex1.74.0=1.74.0+ds1-21 \
    libmpfr6=4.2.0-1 libpython3.11=3.11.2-6+deb12u9 >/dev/null 2>&1 &&
    for package in *.deb; do dpkg -x "$package" .; done)
libraries=$(dirname "$(find "$folder" -name 'libmpfr.so.6')"):$(dirname "$(find "$folder" -name 'libledger.so.3')")
lots() { # LOT of the drawing
    cat >"$folder/credits.journal" <<J
2026-10-01 Bought
  assets:credits   5000 CREDIT @@ 100.00 USD
  assets:bank

2026-10-02 Drawn
  expenses:video   100 CREDIT $1 @ 0.02 USD
  assets:credits  -100 CREDIT $1 @ 0.02 USD
J
    LD_LIBRARY_PATH=$libraries "$folder/usr/bin/ledger" --args-only -f "$folder/credits.journal" balance --lots \
        assets:credits | grep -o '[-0-9]* CREDIT [^a]*' | sed 's/ *$//'
}
seen=$(
    echo "drawn from {0.02 USD}"; lots '{0.02 USD}'
    echo "drawn from {0.02 USD} [2026/10/01]"; lots '{0.02 USD} [2026/10/01]'
)
expected='drawn from {0.02 USD}
-100 CREDIT {USD0.02}
5000 CREDIT {USD0.02} [2026/10/01]
drawn from {0.02 USD} [2026/10/01]
4900 CREDIT {USD0.02} [2026/10/01]'
echo "$seen"
diff <(echo "$expected") <(echo "$seen") || { echo "The behaviour has changed." >&2; exit 1; }
