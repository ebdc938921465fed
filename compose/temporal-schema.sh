#!/bin/sh
# Brings Temporal's two stores to the schema of this image's release. Repeating it is harmless: a version that is reached is passed over.
set -eu
read -r SQL_PASSWORD < /run/secrets/temporal-database-password || [ -n "$SQL_PASSWORD" ]
export SQL_PASSWORD
for store in temporal:temporal temporal_visibility:visibility; do
  temporal-sql-tool --db "${store%%:*}" setup-schema -v 0.0
  temporal-sql-tool --db "${store%%:*}" update-schema -d "/etc/temporal/schema/postgresql/v12/${store##*:}/versioned"
done
