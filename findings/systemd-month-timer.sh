#!/bin/bash
# A monthly systemd timer skips a whole month when the clocks go forward over its hour.
#
# Versions: systemd 252.38-1~deb12u1 (systemd-analyze calendar), tzdata of the machine.
# Guess before the run: 02:30 on a day without 02:30 runs at 03:30, or at 03:00, as cron does it.
# Seen: that day is left out. Sydney's clocks go from 02:00 to 03:00 on 2028-10-01, so `*-*-01 02:30:00
#   Australia/Sydney` after September runs on 1 November: October has no run, and Persistent= knows of nothing missed.
#   The same time said in UTC, or an hour that exists on every day, is safe.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
(cd "$folder" && apt-get download -q systemd=252.38-1~deb12u1 libsystemd-shared=252.38-1~deb12u1 >/dev/null 2>&1 &&
    for package in *.deb; do dpkg -x "$package" .; done)
calendar() {
    TZ=UTC LD_LIBRARY_PATH="$folder/usr/lib/x86_64-linux-gnu/systemd:$folder/lib/x86_64-linux-gnu/systemd" \
        "$folder/usr/bin/systemd-analyze" calendar --base-time='2028-08-31 12:00:00 UTC' --iterations=3 "$1" |
        grep -oE '(elapse|Iter. #[0-9]+): .*UTC' | sed 's/.*: //'
}
seen=$(echo "02:30"; calendar '*-*-01 02:30:00 Australia/Sydney'; echo "04:30"; calendar '*-*-01 04:30:00 Australia/Sydney')
expected='02:30
Thu 2028-08-31 16:30:00 UTC
Tue 2028-10-31 15:30:00 UTC
Thu 2028-11-30 15:30:00 UTC
04:30
Thu 2028-08-31 18:30:00 UTC
Sat 2028-09-30 17:30:00 UTC
Tue 2028-10-31 17:30:00 UTC'
echo "$seen"
diff <(echo "$expected") <(echo "$seen") || { echo "The behaviour has changed." >&2; exit 1; }
