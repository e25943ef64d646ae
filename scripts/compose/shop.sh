#!/usr/bin/env bash
# Run once by the demo data source's server when it makes its data folder. A data source on another
# host is reached over TLS only, so it gets a certificate of its own; the demo does not verify it.
set -euo pipefail

openssl req -x509 -new -nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -days 3650 \
  -subj /CN=shop -keyout "$PGDATA/server.key" -out "$PGDATA/server.crt" 2>/dev/null
chmod 600 "$PGDATA/server.key"
cat >>"$PGDATA/postgresql.conf" <<'CONF'
ssl = on
max_prepared_transactions = 10
CONF
