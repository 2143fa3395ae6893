#!/bin/bash
# A plugin that a journal names works as long as nobody includes that journal.
#
# Versions: beancount 3.2.3 (Python 3.11).
# Guess before the run: a file that checks by itself also checks when another file includes it.
# Seen: plugin lines of an included file are passed over without a word. A month that opens its accounts by
#   beancount.plugins.auto_accounts is balanced alone; in a year that includes it every account is unknown, and the
#   year's own line is what helps. A journal that is to be included opens its accounts itself.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q beancount==3.2.3
plugin='plugin "beancount.plugins.auto_accounts"'
cat >"$folder/month.beancount" <<B
$plugin

2026-10-31 * "Drawn in October"
  Liabilities:Deferred   34.105263 USD
  Income:Drawn          -34.105263 USD
B
echo 'include "month.beancount"' >"$folder/year.beancount"
printf '%s\ninclude "month.beancount"\n' "$plugin" >"$folder/own.beancount"
check() { # FILE
    local errors
    errors=$("$folder/venv/bin/bean-check" "$folder/$1" 2>&1) || true
    grep -o "Invalid reference to unknown account.*" <<<"${errors:-no error}" | sort || echo "no error"
}
seen=$(for file in month year own; do echo "$file: $(check $file.beancount | tr '\n' ' ' | sed 's/ $//')"; done)
expected="month: no error
year: Invalid reference to unknown account 'Income:Drawn' Invalid reference to unknown account 'Liabilities:Deferred'
own: no error"
echo "$seen"
diff <(echo "$expected") <(echo "$seen") || { echo "The behaviour has changed." >&2; exit 1; }
