#!/bin/bash
# Whisper, Graphite's store, leaves out the first point of a period that is asked for and gives one beyond its end.
#
# Versions: whisper 1.1.10, Python 3.11.
# Guess before the run: asked from minute 0 to minute 4 it gives minutes 0 to 4.
# Seen: minutes 1 to 5. A month asked for by its own bounds lacks its first minute and has the first of the next month.
#   Of several values within one minute the last one stands: a probe that failed between two that went well is gone.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q whisper==1.1.10
seen=$("$folder/venv/bin/python" - "$folder/up.wsp" <<'P'
import sys
import time
import whisper
path = sys.argv[1]
whisper.create(path, [(60, 1440)])
now = int(time.time()) // 60 * 60
start = now - 3600
for minute in range(10):
    whisper.update(path, minute, start + 60 * minute)
(begins, ends, _), values = whisper.fetch(path, start, start + 240, now=now)
print("asked for seconds 0 to 240, given", begins - start, "to", ends - start, "without its end:", values)
for second, value in ((601, 1), (620, 0), (659, 1)):
    whisper.update(path, value, start + second)
print("up, down, up within a minute:", whisper.fetch(path, start + 599, start + 600, now=now)[1])
P
)
expected='asked for seconds 0 to 240, given 60 to 300 without its end: [1.0, 2.0, 3.0, 4.0]
up, down, up within a minute: [1.0]'
echo "$seen"
diff <(echo "$expected") <(echo "$seen") || { echo "The behaviour has changed." >&2; exit 1; }
