#!/bin/bash
# promtool's backfill drops samples that come out of order or disagree, and ends with 0.
#
# Versions: prometheus 2.42.0+ds-5+deb12u1 (promtool tsdb create-blocks-from openmetrics).
# Guess before the run: an error that names the sample, or blocks that hold all of them in order.
# Seen: of five probes three are kept. A second value for one instant (up, then down) and a probe that stands after a
#   later one are not stored; the table of blocks is printed and the exit code is 0. Sort and compare before importing.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
(cd "$folder" && apt-get download -q prometheus=2.42.0+ds-5+deb12u1 >/dev/null 2>&1 && dpkg -x ./*.deb .)
cat >"$folder/probes.txt" <<'E'
# TYPE probe_success gauge
probe_success{target="api"} 1 1792022400
probe_success{target="api"} 0 1792022400
probe_success{target="api"} 1 1792022460
probe_success{target="api"} 0 1792022430
probe_success{target="api"} 1 1792022520
# EOF
E
mkdir -p "$folder/tsdb/wal"
seen=$("$folder/usr/bin/promtool" tsdb create-blocks-from openmetrics "$folder/probes.txt" "$folder/tsdb" >/dev/null
echo "exit code $?"; "$folder/usr/bin/promtool" tsdb dump "$folder/tsdb")
expected='exit code 0
{__name__="probe_success", target="api"} 1 1792022400000
{__name__="probe_success", target="api"} 1 1792022460000
{__name__="probe_success", target="api"} 1 1792022520000'
echo "$seen"
diff <(echo "$expected") <(echo "$seen") || { echo "The behaviour has changed." >&2; exit 1; }
