#!/bin/bash
# wal2json's format 1 hands out a TRUNCATE as a transaction that changed nothing.
#
# Versions: PostgreSQL 15.20-0+deb12u1 (Debian 12), postgresql-15-wal2json 2.5-1+b1.
# Guess before the run: a change of kind "truncate".
# Seen: {"change":[]}, also for DELETE from a table without a key (which warns in the server's log). A copy that is kept
#   by format 1 (the default) still holds what was deleted at the source. Format 2 has action T.
set -euo pipefail
folder=$(mktemp -d)
pg=none
chmod 755 "$folder"
run() { if [ "$(id -u)" = 0 ]; then setpriv --reuid nobody --regid nogroup --clear-groups -- "$@"; else "$@"; fi; }
trap 'run "$pg/pg_ctl" -D "$folder/data/d" -m immediate stop >/dev/null 2>&1 || true; rm -rf "$folder"' EXIT
(cd "$folder" && apt-get download -q postgresql-15=15.20-0+deb12u1 postgresql-client-15=15.20-0+deb12u1 \
    postgresql-15-wal2json=2.5-1+b1 >/dev/null 2>&1 && for package in *.deb; do dpkg -x "$package" .; done)
chmod -R a+rX "$folder"
pg=$folder/usr/lib/postgresql/15/bin
mkdir "$folder/data"
[ "$(id -u)" != 0 ] || chown nobody "$folder/data"
run "$pg/initdb" -D "$folder/data/d" -U postgres -A trust >/dev/null
run "$pg/pg_ctl" -D "$folder/data/d" -w -l "$folder/data/log" start -o "-k $folder/data -c listen_addresses='' \
    -c wal_level=logical -c output_plugin_libraries=wal2json" >/dev/null
seen=$("$pg/psql" -h "$folder/data" -U postgres -qXAt postgres 2>/dev/null <<'E'
CREATE TABLE task (id bigint PRIMARY KEY);
CREATE TABLE access (id bigint);
INSERT INTO task VALUES (1);
INSERT INTO access VALUES (1);
SELECT slot_name FROM pg_create_logical_replication_slot('copy', 'wal2json');
DELETE FROM access;
TRUNCATE task;
SELECT data FROM pg_logical_slot_peek_changes('copy', NULL, NULL);
SELECT data FROM pg_logical_slot_get_changes('copy', NULL, NULL, 'format-version', '2');
E
)
expected='copy
{"change":[]}
{"change":[]}
{"action":"B"}
{"action":"C"}
{"action":"B"}
{"action":"T","schema":"public","table":"task"}
{"action":"C"}'
echo "$seen"
diff <(echo "$expected") <(echo "$seen") || { echo "The behaviour has changed." >&2; exit 1; }
