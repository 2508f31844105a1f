#!/bin/sh
# Starts PgBouncer in transaction mode in front of a PostgreSQL, with the password in PGPASSWORD.
#
#   pgbouncer.sh HOST
set -eu

umask 077
folder=$(mktemp -d)
printf '"latchkey" "%s"\n' "$(printf '%s' "$PGPASSWORD" | sed 's/"/""/g')" > "$folder/users"
cat > "$folder/config" <<END
[databases]
latchkey = host=$1
[pgbouncer]
listen_addr = *
listen_port = 5432
unix_socket_dir =
auth_type = scram-sha-256
auth_file = $folder/users
pool_mode = transaction
default_pool_size = 20
max_client_conn = 1000
END
exec pgbouncer "$folder/config"
