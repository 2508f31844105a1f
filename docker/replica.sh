#!/bin/sh
# Runs a streaming replica of a PostgreSQL, which is copied first if that has not been done. The password is in PGPASSWORD.
#
#   replica.sh HOST
set -eu

if ! [ -e "$PGDATA/PG_VERSION" ]; then
  # A copy that was interrupted has another name.
  rm -rf "$PGDATA.part"
  pg_basebackup --host="$1" --username=latchkey --pgdata="$PGDATA.part" --checkpoint=fast --write-recovery-conf
  mv --no-target-directory "$PGDATA.part" "$PGDATA"
fi
exec postgres
