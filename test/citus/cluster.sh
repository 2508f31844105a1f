#!/usr/bin/env bash
# Starts and stops a cluster for trying on this machine, from an installed PostgreSQL that has Citus:
#
#   cluster.sh start FOLDER [WORKERS]   starts a coordinator and two workers; prints the URL of a database on the coordinator
#   cluster.sh stop FOLDER              stops all nodes; `start` with the same folder starts those that do not run
#   cluster.sh kill FOLDER PORT         kills all processes of a node, as a power failure would
#
# Nodes listen on free ports of 127.0.0.1, without passwords. As root, they run as the account PGACCOUNT (postgres).
set -euo pipefail
verb=$1
folder=$(realpath -m "$2")
bin=$(pg_config --bindir)
account=${PGACCOUNT:-postgres}

as_account() {
  if [ "$(id -u)" != 0 ]; then "$@"; return; fi
  # A node looks for certificates in HOME when it connects to another.
  HOME=$folder setpriv --reuid="$account" --regid="$account" --init-groups "$@"
}

free_ports() {
  node -e '
    const servers = Array.from({ length: Number(process.argv[1]) }, () => require("net").createServer().listen(0, "127.0.0.1"))
    setImmediate(() => servers.forEach((server) => { console.log(server.address().port); server.close() }))' "$1"
}

# Durable like a real cluster: the tests rely on what is committed.
settings="
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
fsync = on
recovery_init_sync_method = syncfs
shared_preload_libraries = 'citus'
wal_level = logical
max_connections = 300
max_prepared_transactions = 300
max_worker_processes = 100
max_replication_slots = 50
max_wal_senders = 50
max_logical_replication_workers = 20
citus.local_hostname = '127.0.0.1'
citus.max_cached_conns_per_worker = 1
citus.node_connection_timeout = 5s
lc_messages = 'C'
log_line_prefix = '%m [%p] %d '
"

# Minor releases of PostgreSQL from 2026 on decode the log only by libraries that are named. Citus has one.
if "$bin/postgres" --describe-config | grep '^output_plugin_libraries' >/dev/null; then
  settings+="output_plugin_libraries = 'pgoutput, citus'
"
fi

create_node() { # PORT
  as_account mkdir "$folder/$1"
  as_account "$bin/initdb" --auth=trust --username=latchkey --encoding=UTF8 --locale=C.UTF-8 "$folder/$1/data" >/dev/null
  printf '%s\nport = %s\n' "$settings" "$1" | as_account tee -a "$folder/$1/data/postgresql.conf" >/dev/null
}

start_node() { # PORT
  as_account "$bin/pg_ctl" start --silent --wait --timeout=120 --pgdata="$folder/$1/data" --log="$folder/$1/log" </dev/null >/dev/null
}

is_running() { # PORT
  as_account "$bin/pg_ctl" status --pgdata="$folder/$1/data" >/dev/null
}

run_sql() { # PORT DATABASE SQL
  psql --quiet --no-psqlrc --tuples-only --set=ON_ERROR_STOP=1 "postgresql://latchkey@127.0.0.1:$1/$2" --command="$3"
}

create_cluster() { # COORDINATOR WORKER...
  trap 'stop_nodes; rm "$folder/ports"' EXIT
  for port; do
    create_node "$port"
    start_node "$port"
    run_sql "$port" postgres 'CREATE DATABASE latchkey'
    run_sql "$port" latchkey 'CREATE EXTENSION citus'
  done
  run_sql "$1" latchkey "SELECT citus_set_coordinator_host('127.0.0.1', $1)" >/dev/null
  for port in "${@:2}"; do run_sql "$1" latchkey "SELECT citus_add_node('127.0.0.1', $port)" >/dev/null; done
  trap - EXIT
}

list_ports() {
  cat "$folder/ports"
}

stop_nodes() {
  for port in $(list_ports); do
    ! is_running "$port" || as_account "$bin/pg_ctl" stop --silent --mode=fast --pgdata="$folder/$port/data" >/dev/null
  done
}

case $verb in
  start)
    mkdir -p "$folder"
    if [ "$(id -u)" = 0 ]; then chown "$account" "$folder"; fi
    if [ -e "$folder/ports" ]; then
      for port in $(list_ports); do is_running "$port" || start_node "$port"; done
    else
      free_ports $((1 + ${3:-2})) >"$folder/ports"
      # shellcheck disable=SC2046
      create_cluster $(list_ports)
    fi
    echo "postgresql://latchkey@127.0.0.1:$(list_ports | head -n 1)/latchkey"
    ;;
  stop) stop_nodes ;;
  kill)
    server=$(head -n 1 "$folder/$3/data/postmaster.pid")
    processes="$server $(ps -o pid= --ppid "$server")"
    # shellcheck disable=SC2086
    kill -KILL $processes || true
    # One that is still ending would count as running.
    for process in $processes; do while kill -0 "$process" 2>/dev/null; do sleep 0.05; done; done
    ;;
  *)
    sed -n '2,/^set/s/^# \?//p' "$0" >&2
    exit 2
    ;;
esac
