#!/bin/sh
# backup.sh <folder>: writes <folder>/weft-<time>/ and keeps the newest WEFT_BACKUPS (14). Run it as the user of the server, with its
# settings. With DATABASE_URL beside the running server; without, the ledger lies in WEFT_DATA and the server has to be stopped.
# A ledger that contradicts itself is not written over good copies: it ends with 1.
set -eu
umask 077
folder=${1:?'Use: backup.sh <folder>'}
: "${WEFT_DATA:?'WEFT_DATA is not set'}"
keep=${WEFT_BACKUPS:-14}
name=weft-$(date -u +%Y%m%dT%H%M%SZ)
part=$folder/.$name.part

(cd "$(dirname "$0")/../.." && npm run --silent fsck)
mkdir -p "$part"
trap 'rm -rf "$part"' EXIT

if [ -n "${DATABASE_URL:-}" ]; then
  pg_dump --format=custom --file="$part/ledger.pgdump" "$DATABASE_URL"
fi
# Models are left out: they can be had again, and `npm run models -- verify` says whether they are whole.
tar --create --gzip --file="$part/data.tar.gz" --directory="$WEFT_DATA" --exclude=./models .
(cd "$part" && sha256sum -- * > SHA256SUMS)
mv "$part" "$folder/$name"
ls -1d "$folder"/weft-* | sort -r | tail -n "+$((keep + 1))" | while read -r old; do rm -rf -- "$old"; done
echo "$folder/$name"
