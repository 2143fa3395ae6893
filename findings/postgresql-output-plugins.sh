#!/bin/bash
# A minor release of PostgreSQL 15 refuses logical decoding plugins that the one before it ran.
#
# Versions: PostgreSQL 15.18-0+deb12u1 and 15.20-0+deb12u1 (both Debian 12), postgresql-15-wal2json 2.5-1+b1.
# Guess before the run: a minor release changes nothing for an installed plugin.
# Seen: 15.20 has the setting output_plugin_libraries (pgoutput, test_decoding); a slot with wal2json is refused until
#   it is listed. An upgrade within one major version stops every consumer that makes a new slot.
set -euo pipefail
folder=$(mktemp -d)
pg=none
chmod 755 "$folder"
run() { if [ "$(id -u)" = 0 ]; then setpriv --reuid nobody --regid nogroup --clear-groups -- "$@"; else "$@"; fi; }
trap 'run "$pg/pg_ctl" -D "$folder/data" -m immediate stop >/dev/null 2>&1 || true; rm -rf "$folder"' EXIT
try() {
    local version=$1 home=$folder/$1
    mkdir -p "$home/run"
    (cd "$home" && apt-get download -q "postgresql-15=$version" "postgresql-client-15=$version" \
        postgresql-15-wal2json=2.5-1+b1 >/dev/null 2>&1 && for package in *.deb; do dpkg -x "$package" .; done)
    chmod -R a+rX "$home"
    pg=$home/usr/lib/postgresql/15/bin
    [ "$(id -u)" != 0 ] || chown nobody "$home/run"
    run "$pg/initdb" -D "$home/run/d" -U postgres -A trust >/dev/null
    shift
    run "$pg/pg_ctl" -D "$home/run/d" -w -l "$home/run/log" -o "-k $home/run -c listen_addresses='' -c wal_level=logical $*" \
        start >/dev/null
    "$pg/psql" -h "$home/run" -U postgres -qXAt -c 'SHOW server_version' -c \
        "SELECT 'slot ' || slot_name FROM pg_create_logical_replication_slot('copy', 'wal2json')" postgres 2>&1 || true
    run "$pg/pg_ctl" -D "$home/run/d" -m immediate stop >/dev/null
    rm -rf "$home"
}
seen=$(try 15.18-0+deb12u1; try 15.20-0+deb12u1; try 15.20-0+deb12u1 -c output_plugin_libraries=wal2json)
expected='15.18 (Debian 15.18-0+deb12u1)
slot copy
15.20 (Debian 15.20-0+deb12u1)
ERROR:  library "wal2json" may not be used as an output plugin
HINT:  If it is safe for all REPLICATION users to use this library as an output plugin, add it to "output_plugin_libraries" and reload the server configuration.
15.20 (Debian 15.20-0+deb12u1)
slot copy'
echo "$seen"
diff <(echo "$expected") <(echo "$seen") || { echo "The behaviour has changed." >&2; exit 1; }
