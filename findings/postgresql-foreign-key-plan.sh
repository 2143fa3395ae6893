#!/bin/bash
# PostgreSQL checks a foreign key by reading the whole table for the rest of a session that began while it was empty.
#
# Versions: PostgreSQL 15.20-0+deb12u1 (Debian 12).
# Guess before the run: a foreign key is checked through the unique index that it refers to; the plan can be no other.
# Seen: the check is a query like any other, planned once in a session. Over a table that was analysed while it was empty
#   a sequential scan costs nothing, and that plan stays, however many rows the same session or others add: here each
#   of 500 checks reads all rows that came before. A session that begins later reads none so.
set -euo pipefail
folder=$(mktemp -d)
pg=none
chmod 755 "$folder"
run() { if [ "$(id -u)" = 0 ]; then setpriv --reuid nobody --regid nogroup --clear-groups -- "$@"; else "$@"; fi; }
trap 'run "$pg/pg_ctl" -D "$folder/data/d" -m immediate stop >/dev/null 2>&1 || true; rm -rf "$folder"' EXIT
(cd "$folder" && apt-get download -q postgresql-15=15.20-0+deb12u1 postgresql-client-15=15.20-0+deb12u1 \
    >/dev/null 2>&1 && for package in *.deb; do dpkg -x "$package" .; done)
chmod -R a+rX "$folder"
pg=$folder/usr/lib/postgresql/15/bin
mkdir "$folder/data"
[ "$(id -u)" != 0 ] || chown nobody "$folder/data"
run "$pg/initdb" -D "$folder/data/d" -U postgres -A trust >/dev/null
run "$pg/pg_ctl" -D "$folder/data/d" -w -l "$folder/data/log" start \
    -o "-k $folder/data -c listen_addresses='' -c autovacuum=off" >/dev/null
psql() { "$pg/psql" -h "$folder/data" -U postgres -qXAt postgres "$@"; }
cat > "$folder/make.sql" <<'Q'
CREATE TABLE month_close (id bigint PRIMARY KEY);
CREATE TABLE kept_file (close_id bigint REFERENCES month_close);
VACUUM ANALYZE month_close;
Q
psql -f "$folder/make.sql"
closes() { # one statement each, as a program writes them
    for n in $(seq "$1" "$2"); do
        echo "INSERT INTO month_close VALUES ($n); INSERT INTO kept_file VALUES ($n);"
    done
}
scans="SELECT coalesce(seq_tup_read, 0) FROM pg_stat_user_tables WHERE relname = 'month_close';"
closes 1 500 | psql
sleep 1
first=$(psql -c "$scans")
psql -c "ANALYZE month_close"
sleep 1
before=$(psql -c "$scans")
closes 501 1000 | psql
sleep 1
later=$(($(psql -c "$scans") - before))
echo "rows read by the checks of 500 rows, in the session that began over the empty table: $first"
echo "by those of 500 more, in a session that began over 500 analysed rows: $later"
[ "$first" = 125250 ] && [ "$later" = 0 ] || { echo "The behaviour has changed." >&2; exit 1; }
