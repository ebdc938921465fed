#!/bin/sh
# Makes the roles and databases of Temporal and rekey, or gives existing roles the passwords of the secret files. Repeating it is harmless.
set -eu
PGPASSWORD="$(cat /run/secrets/postgres-password)"
TEMPORAL_PASSWORD="$(cat /run/secrets/temporal-database-password)"
REKEY_PASSWORD="$(cat /run/secrets/rekey-database-password)"
export PGPASSWORD TEMPORAL_PASSWORD REKEY_PASSWORD

# Read from the environment inside psql: as arguments the passwords would be seen in the list of processes.
psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 postgres <<'SQL'
\getenv temporal_password TEMPORAL_PASSWORD
\getenv rekey_password REKEY_PASSWORD
-- A statement that sets a password is never logged.
set log_statement = 'none';
set log_min_error_statement = 'panic';
select format('create role %I login', name) from unnest(array['temporal', 'rekey']) as name
where not exists (select from pg_roles where rolname = name) \gexec
alter role temporal password :'temporal_password';
alter role rekey password :'rekey_password';
select format('create database %I owner %I', name, owner)
from (values ('temporal', 'temporal'), ('temporal_visibility', 'temporal'), ('rekey', 'rekey')) as wanted (name, owner)
where not exists (select from pg_database where datname = name) \gexec
revoke connect on database temporal, temporal_visibility, rekey from public;
SQL
