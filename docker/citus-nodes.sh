#!/bin/sh
# Makes servers with Citus one cluster. It can be repeated.
#
#   citus-nodes.sh COORDINATOR WORKER...
set -eu

run_sql() { # HOST
  psql --host="$1" --username=latchkey --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --set=host="${2-}"
}

for host; do
  run_sql "$host" <<'END'
-- Later releases of PostgreSQL let replication use only decoders that are named.
SELECT 'ALTER SYSTEM SET output_plugin_libraries = pgoutput, citus'
WHERE current_setting('output_plugin_libraries', true) IS NOT NULL \gexec
SELECT pg_reload_conf();
END
done

coordinator=$1
shift
echo "SELECT citus_set_coordinator_host(:'host')" | run_sql "$coordinator" "$coordinator"
for worker; do echo "SELECT citus_add_node(:'host', 5432)" | run_sql "$coordinator" "$worker"; done
