#!/usr/bin/env bash
# Makes what is missing under compose/secrets/, mode 0600, and writes nothing over: passwords, keys, and a root with the certificates that it signs. `make-secrets.sh vault ID`, `codec ID` or `audit ID` adds one more key.
set -euo pipefail
umask 077
root="$(cd "$(dirname "$0")" && pwd)/secrets"
mkdir -p "$root/keys" "$root/management" "$root/tls"

keep() { # keep FILE COMMAND…: the command's output becomes the file, unless it is there
  [ -e "$root/$1" ] && return
  "${@:2}" > "$root/$1.new"
  mv -n "$root/$1.new" "$root/$1"
  echo "made $1"
}
password() { head -c 24 /dev/urandom | od -An -v -tx1 | tr -d " \n"; echo; }
key() { head -c 32 /dev/urandom | base64; }
audit() { # audit ID: signs heads of the audit trail; its public half is all that a check needs
  keep "keys/audit-$1.key" openssl genpkey -algorithm ed25519
  keep "keys/audit-$1.pub" openssl pkey -in "$root/keys/audit-$1.key" -pubout
}
need_id() { [[ "$1" =~ ^[0-9a-z]+$ ]] || { echo "usage: $0 [vault|codec|audit ID], ID of lower-case letters and digits" >&2; exit 2; }; }

new_key() { echo -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$1"; }
# sign NAME HOST…: a certificate for these names of the network, good for servers and for clients, and its key; for ten years, since nothing renews it.
sign() {
  local at="$root/tls/$1" names
  [ -e "$at.pem" ] && return
  names="$(printf 'DNS:%s,' "${@:2}")"
  # shellcheck disable=SC2046
  openssl req $(new_key "$at.key") -subj "/CN=$1" -out "$at.csr" 2> /dev/null
  openssl x509 -req -in "$at.csr" -CA "$root/tls/root.pem" -CAkey "$root/tls/root.key" -CAcreateserial -days 3650 \
    -extfile <(printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth,clientAuth\n' "${names%,}") -out "$at.pem" 2> /dev/null
  rm "$at.csr"
  echo "made tls/$1.pem"
}
certificates() {
  # shellcheck disable=SC2046
  [ -e "$root/tls/root.pem" ] || openssl req -x509 $(new_key "$root/tls/root.key") -subj "/CN=rekey compose" -days 3650 -out "$root/tls/root.pem" 2> /dev/null
  sign postgres postgres
  sign temporal temporal
  sign rekey rekey
  sign temporal-tools temporal-ready temporal-ui
}

case "${1:-all}" in
  vault | codec)
    need_id "${2:-}"
    keep "keys/$1-$2.key" key
    ;;
  audit)
    need_id "${2:-}"
    audit "$2"
    ;;
  all)
    for name in postgres-password temporal-database-password rekey-database-password; do keep "$name" password; done
    for kind in vault codec; do compgen -G "$root/keys/$kind-*.key" > /dev/null || keep "keys/$kind-1.key" key; done
    compgen -G "$root/keys/audit-*.key" > /dev/null || audit 1
    certificates
    ;;
  *) echo "usage: $0 [vault|codec|audit ID]" >&2; exit 2 ;;
esac

# The containers that read them run as this user.
if [ "$(id -u)" = 0 ]; then
  chown -R "${REKEY_UID:-1000}:${REKEY_GID:-1000}" "$root"
elif [ "$(id -u)" != "${REKEY_UID:-1000}" ]; then
  echo "you are user $(id -u): start with REKEY_UID=$(id -u) REKEY_GID=$(id -g) docker compose up -d"
fi
