#!/bin/bash
# VictoriaMetrics answers a range query from another start than it was asked for.
#
# Versions: victoria-metrics 1.79.5+ds1-2+b5 (Debian 12), asked by Prometheus' /api/v1/query_range.
# Guess before the run: points at start, start + step, …, as Prometheus gives them.
# Seen: so it is for a few points. For more than 50, start and end are moved to multiples of the step, unless nocache=1
#   is said: asked from second 30 by 60, an hour begins at second 60 and has 60 points instead of 61. A month that
#   begins at a zone's half hour begins elsewhere with a step of an hour, and a short trial does not show it.
set -euo pipefail
folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || { kill "$server"; wait "$server" || true; }; rm -rf "$folder"' EXIT
(cd "$folder" && apt-get download -q victoria-metrics=1.79.5+ds1-2+b5 >/dev/null 2>&1 && dpkg -x ./*.deb .)
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$folder/usr/bin/victoria-metrics" -storageDataPath="$folder/data" -httpListenAddr="127.0.0.1:$port" \
    -retentionPeriod=12 >"$folder/log" 2>&1 &
server=$!
base=$(( $(date +%s) / 3600 * 3600 - 7200 ))
for minute in $(seq 0 70); do echo "probe_success{target=\"api\"} 1 $(( (base + 7 + 60 * minute) * 1000 ))"; done \
    >"$folder/probes.txt"
curl -sf --retry 20 --retry-connrefused --retry-delay 1 --data-binary @"$folder/probes.txt" \
    "http://127.0.0.1:$port/api/v1/import/prometheus"
curl -sf "http://127.0.0.1:$port/internal/force_flush"
ask() {
    curl -sf -G "http://127.0.0.1:$port/api/v1/query_range" --data-urlencode 'query=probe_success' \
        -d start=$((base + 30)) -d end=$((base + $1)) -d step=60 "${@:2}" |
        python3 -c "import json, sys
points = [int(at) - $base for at, _ in json.load(sys.stdin)['data']['result'][0]['values']]
print(len(points), 'points from', points[0], 'to', points[-1])"
}
seen=$(ask 270; ask 3630; ask 3630 -d nocache=1)
expected='5 points from 30 to 270
60 points from 60 to 3600
61 points from 30 to 3630'
echo "$seen"
diff <(echo "$expected") <(echo "$seen") || { echo "The behaviour has changed." >&2; exit 1; }
