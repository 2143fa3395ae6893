#!/bin/bash
# pgaudit records what a foreign key's ON DELETE CASCADE deletes, with the key, but not what DROP of a partition deletes.
#
# Versions: PostgreSQL 15.20-0+deb12u1 (Debian 12), postgresql-15-pgaudit 1.7.0-2.
# Guess before the run: cascaded deletes are the server's own work and are not in the audit log.
# Seen: each cascaded statement is logged as WRITE,DELETE under the client's statement, with the parent's key as its
#   parameter where pgaudit.log_parameter is on: so an audit log keeps the ids of what was deleted. A month of rows that
#   goes with its partition is one line of class DDL, which pgaudit.log = 'write' leaves out.
set -euo pipefail
folder=$(mktemp -d)
pg=none
chmod 755 "$folder"
run() { if [ "$(id -u)" = 0 ]; then setpriv --reuid nobody --regid nogroup --clear-groups -- "$@"; else "$@"; fi; }
trap 'run "$pg/pg_ctl" -D "$folder/data/d" -m immediate stop >/dev/null 2>&1 || true; rm -rf "$folder"' EXIT
(cd "$folder" && apt-get download -q postgresql-15=15.20-0+deb12u1 postgresql-client-15=15.20-0+deb12u1 \
    postgresql-15-pgaudit=1.7.0-2 >/dev/null 2>&1 && for package in *.deb; do dpkg -x "$package" .; done)
chmod -R a+rX "$folder"
pg=$folder/usr/lib/postgresql/15/bin
mkdir "$folder/data"
[ "$(id -u)" != 0 ] || chown nobody "$folder/data"
run "$pg/initdb" -D "$folder/data/d" -U postgres -A trust >/dev/null
run "$pg/pg_ctl" -D "$folder/data/d" -w -l "$folder/data/log" start -o "-k $folder/data -c listen_addresses='' \
    -c shared_preload_libraries=pgaudit -c log_line_prefix=" >/dev/null
"$pg/psql" -h "$folder/data" -U postgres -qX postgres <<'E'
CREATE TABLE batch (id bigint PRIMARY KEY);
CREATE TABLE task (id bigint, batch_id bigint REFERENCES batch ON DELETE CASCADE);
CREATE TABLE access (at date) PARTITION BY RANGE (at);
CREATE TABLE access_2026_08 PARTITION OF access FOR VALUES FROM ('2026-08-01') TO ('2026-09-01');
INSERT INTO batch VALUES (7);
INSERT INTO task VALUES (1, 7), (2, 7);
INSERT INTO access VALUES ('2026-08-15');
SET pgaudit.log = 'write';
SET pgaudit.log_parameter = on;
DELETE FROM batch WHERE id = 7;
DROP TABLE access_2026_08;
E
seen=$(grep -o 'AUDIT: .*' "$folder/data/log")
expected='AUDIT: SESSION,1,1,WRITE,DELETE,,,DELETE FROM batch WHERE id = 7;,<none>
AUDIT: SESSION,1,2,WRITE,DELETE,,,"DELETE FROM ONLY ""public"".""task"" WHERE $1 OPERATOR(pg_catalog.=) ""batch_id""",7'
echo "$seen"
diff <(echo "$expected") <(echo "$seen") || { echo "The behaviour has changed." >&2; exit 1; }
