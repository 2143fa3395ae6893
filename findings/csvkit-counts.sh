#!/bin/bash
# A column of counts becomes true and false in the month in which nothing failed more than once.
#
# Versions: csvkit 2.2.0, agate 1.14.0 (Python 3.11).
# Guess before the run: a column of whole numbers is a column of numbers, whichever they are.
# Seen: where all values are 0 and 1 the type is Boolean, and csvjson writes true for one failure; a single 2 makes
#   the same column numbers again. What reads such files month after month names no types to be guessed (--no-inference).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q csvkit==2.2.0 agate==1.14.0
september=$'account,failed\nnorthlight,1\nkestrel,0\n'
october=$'account,failed\nnorthlight,2\nkestrel,0\n'
read_as() { # CSV OPTION…
    local csv=$1
    shift
    printf '%s' "$csv" | "$folder/venv/bin/csvjson" "$@"
}
seen=$(
    echo "september: $(printf '%s' "$september" | "$folder/venv/bin/csvstat" --type -c failed) $(read_as "$september")"
    echo "october: $(printf '%s' "$october" | "$folder/venv/bin/csvstat" --type -c failed) $(read_as "$october")"
    echo "september, nothing guessed: $(read_as "$september" --no-inference)"
)
expected='september: Boolean [{"account": "northlight", "failed": true}, {"account": "kestrel", "failed": false}]
october: Number [{"account": "northlight", "failed": 2.0}, {"account": "kestrel", "failed": 0.0}]
september, nothing guessed: [{"account": "northlight", "failed": "1"}, {"account": "kestrel", "failed": "0"}]'
echo "$seen"
diff <(echo "$expected") <(echo "$seen") || { echo "The behaviour has changed." >&2; exit 1; }
