#!/bin/sh
# Starts PostgreSQL with TLS. Its key must belong to its own account, and the secret's file belongs to the one that made it.
set -eu
install -d -o postgres -g postgres -m 0700 /etc/postgresql-tls
install -o postgres -g postgres -m 0600 /run/secrets/tls-postgres-key /etc/postgresql-tls/postgres.key
install -o postgres -g postgres -m 0644 /run/secrets/tls-postgres /etc/postgresql-tls/postgres.pem
exec docker-entrypoint.sh postgres -c ssl=on -c ssl_cert_file=/etc/postgresql-tls/postgres.pem -c ssl_key_file=/etc/postgresql-tls/postgres.key
