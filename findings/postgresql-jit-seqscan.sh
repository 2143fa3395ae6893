#!/bin/bash
# PostgreSQL compiles a query over an empty table, inlined and optimised, where enable_seqscan is off.
#
# Versions: PostgreSQL 15.20-0+deb12u1 (Debian 12) with its LLVM 14 (libllvm14 1:14.0.6-12).
# Guess before the run: the switch decides which plan is taken, and costs nothing where there is no other plan.
# Seen: a plan that is switched off and taken all the same carries the cost by which it was made unattractive, ten
#   thousand million. That is beyond jit_above_cost, jit_inline_above_cost and jit_optimize_above_cost, so that reading
#   no row is compiled first, which took 100 to 400 ms a call. Whoever sets the switch for a function sets jit = off with it.
set -euo pipefail
folder=$(mktemp -d)
pg=none
chmod 755 "$folder"
run() { if [ "$(id -u)" = 0 ]; then setpriv --reuid nobody --regid nogroup --clear-groups -- "$@"; else "$@"; fi; }
trap 'run "$pg/pg_ctl" -D "$folder/data/d" -m immediate stop >/dev/null 2>&1 || true; rm -rf "$folder"' EXIT
(cd "$folder" && apt-get download -q postgresql-15=15.20-0+deb12u1 postgresql-client-15=15.20-0+deb12u1 \
    libllvm14=1:14.0.6-12 >/dev/null 2>&1 && for package in *.deb; do dpkg -x "$package" .; done)
chmod -R a+rX "$folder"
pg=$folder/usr/lib/postgresql/15/bin
export LD_LIBRARY_PATH=$(dirname "$(find "$folder/usr/lib" -name 'libLLVM-14.so*' | head -n 1)")
mkdir "$folder/data"
[ "$(id -u)" != 0 ] || chown nobody "$folder/data"
run "$pg/initdb" -D "$folder/data/d" -U postgres -A trust >/dev/null
run "$pg/pg_ctl" -D "$folder/data/d" -w -l "$folder/data/log" start -o "-k $folder/data -c listen_addresses=''" >/dev/null
cat > "$folder/queries.sql" <<'Q'
CREATE TABLE task (id bigint, cost bigint);
\echo as it comes:
EXPLAIN SELECT sum(cost) FROM task WHERE id = 1;
SET enable_seqscan = off;
\echo with the switch:
EXPLAIN SELECT sum(cost) FROM task WHERE id = 1;
Q
seen=$("$pg/psql" -h "$folder/data" -U postgres -qXAt -f "$folder/queries.sql" postgres | sed 's/  (cost=.*//')
expected='as it comes:
Aggregate
  ->  Seq Scan on task
        Filter: (id = 1)
with the switch:
Aggregate
  ->  Seq Scan on task
        Filter: (id = 1)
JIT:
  Functions: 5
  Options: Inlining true, Optimization true, Expressions true, Deforming true'
echo "$seen"
diff <(echo "$expected") <(echo "$seen") || { echo "The behaviour has changed." >&2; exit 1; }
