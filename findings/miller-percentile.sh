#!/bin/bash
# Miller's percentiles are one rank higher than the nearest rank.
#
# Versions: Miller 6.6.0 (Debian 12), PostgreSQL's percentile_disc as the definition (nearest rank: the ceil(p·n)-th).
# Guess before the run: p95 of 1 to 100 is 95, and p50 is 50, as nearest rank has it.
# Seen: 96 and 51: `stats1 -a p95` takes the element at index int(p·n), counted from 0. A latency that is promised
#   for 95 of 100 calls is judged by the 96th. With -i (interpolated) it says 95.05 and 50.5.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
(cd "$folder" && apt-get download -q miller=6.6.0-2+b3 >/dev/null 2>&1 && dpkg -x miller_*.deb .)
(echo seconds; seq 1 100) >"$folder/durations.csv"
seen=$("$folder/usr/bin/mlr" --version
"$folder/usr/bin/mlr" --icsv --ojson stats1 -a p50,p95,p99,median -f seconds "$folder/durations.csv"
"$folder/usr/bin/mlr" --icsv --ojson stats1 -i -a p50,p95 -f seconds "$folder/durations.csv")
expected='mlr 6.6.0
[
{
  "seconds_p50": 51,
  "seconds_p95": 96,
  "seconds_p99": 100,
  "seconds_median": 51
}
]
[
{
  "seconds_p50": 50.5,
  "seconds_p95": 95.05
}
]'
echo "$seen"
diff <(echo "$expected") <(echo "$seen") || { echo "The behaviour has changed." >&2; exit 1; }
