#!/bin/bash
# RRDtool makes two half minutes of one failed probe, so that no minute is down, and fills what was not probed.
#
# Versions: rrdtool 1.7.2-4+b8 and librrd8 of the same version (Debian 12).
# Guess before the run: a GAUGE keeps what was measured: the minute of the failed probe is 0, and so is the hour's MIN.
# Seen: a value counts for the whole time since the one before it, cut at the steps. Probed at second 30 of each minute,
#   one failure is 0.5 in two minutes; the hour's MIN is 0.5, so nothing that looks for 0 ever sees an outage. A probe
#   that is missing is filled by the next one (within the heartbeat), and an hour of which 26 minutes were not
#   probed is 1: up to half of a period may be unknown (xff 0.5, the usual setting) without a trace.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
(cd "$folder" && apt-get download -q rrdtool=1.7.2-4+b8 librrd8=1.7.2-4+b8 libdbi1=0.9.0-6 >/dev/null 2>&1 &&
    for package in *.deb; do dpkg -x "$package" .; done)
rrd() { LD_LIBRARY_PATH=$(dirname "$(find "$folder" -name librrd.so.8)") "$folder/usr/bin/rrdtool" "$@"; }
start=1790812800 # 2026-10-01T00:00:00Z
rrd create "$folder/up.rrd" --start $((start - 60)) --step 60 DS:up:GAUGE:120:0:1 \
    RRA:AVERAGE:0.5:1:1440 RRA:AVERAGE:0.5:60:744 RRA:MIN:0.5:60:744
for minute in $(seq 0 120); do
    case $minute in
    5) value=0 ;;
    20 | 7[0-9] | 8[0-9] | 9[0-5]) continue ;;
    *) value=1 ;;
    esac
    rrd update "$folder/up.rrd" $((start + 60 * minute + 30)):$value
done
show() { # FROM TO, in seconds of the day, and further options of fetch
    rrd fetch "$folder/up.rrd" "${@:3}" -s $((start + $1)) -e $((start + $2)) |
        awk -v start=$start '/^[0-9]/ { printf "until second %d: %.2f\n", $1 - start, $2 }'
}
seen=$(
    echo "a failed probe at second 330, by the minute"; show 240 420 AVERAGE
    echo "no probe at second 1230, by the minute"; show 1140 1260 AVERAGE
    echo "the average by the hour, the second with 26 minutes without a probe"; show 0 3600 AVERAGE -r 3600
    echo "the minimum by the hour"; show 0 3600 MIN -r 3600
)
expected='a failed probe at second 330, by the minute
until second 300: 0.50
until second 360: 0.50
until second 420: 1.00
until second 480: 1.00
no probe at second 1230, by the minute
until second 1200: 1.00
until second 1260: 1.00
until second 1320: 1.00
the average by the hour, the second with 26 minutes without a probe
until second 3600: 0.98
until second 7200: 1.00
the minimum by the hour
until second 3600: 0.50
until second 7200: 1.00'
echo "$seen"
diff <(echo "$expected") <(echo "$seen") || { echo "The behaviour has changed." >&2; exit 1; }
