#!/bin/bash
# Two textfile metrics of one name with different HELP: the second file's samples vanish, and no error is counted.
#
# Versions: prometheus-node-exporter 1.5.0-1+b6 (Debian 12).
# Guess before the run: the scrape fails, or node_textfile_scrape_error is 1 as it is for a file that cannot be read.
# Seen: 200 OK, node_textfile_scrape_error 0, both files have their mtime metric, and of two tools (or two versions of
#   one) that write `last_purge` only one is there. Only the exporter's own log says it.
set -euo pipefail
folder=$(mktemp -d)
exporter=
trap '[ -z "$exporter" ] || kill "$exporter"; rm -rf "$folder"' EXIT
(cd "$folder" && apt-get download -q prometheus-node-exporter=1.5.0-1+b6 >/dev/null 2>&1 && dpkg -x ./*.deb .)
mkdir "$folder/text"
printf '# HELP last_purge When the last purge ended.\n# TYPE last_purge gauge\nlast_purge{house="a"} 1792022400\n' \
    >"$folder/text/a.prom"
printf '# HELP last_purge End of the last purge, unix seconds.\n# TYPE last_purge gauge\nlast_purge{house="b"} 1792022460\n' \
    >"$folder/text/b.prom"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$folder/usr/bin/prometheus-node-exporter" --collector.disable-defaults --collector.textfile \
    --collector.textfile.directory="$folder/text" --web.listen-address="127.0.0.1:$port" 2>"$folder/log" &
exporter=$!
curl -s --retry 20 --retry-connrefused --retry-delay 1 -o "$folder/out" -w '%{http_code}\n' "http://127.0.0.1:$port/metrics" \
    >"$folder/status"
seen=$(cat "$folder/status"; grep -E '^(last_purge|node_textfile_scrape_error)' "$folder/out"
grep -c '^node_textfile_mtime_seconds' "$folder/out")
expected='200
last_purge{house="a"} 1.7920224e+09
node_textfile_scrape_error 0
2'
echo "$seen"
diff <(echo "$expected") <(echo "$seen") || { echo "The behaviour has changed." >&2; exit 1; }
