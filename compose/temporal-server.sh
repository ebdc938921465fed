#!/bin/sh
# Starts the server the image's own way, with the password from its file. Shell built-ins only: the image has few tools.
set -eu
read -r POSTGRES_PWD < /run/secrets/temporal-database-password || [ -n "$POSTGRES_PWD" ]
export POSTGRES_PWD
exec /etc/temporal/entrypoint.sh
