#!/bin/sh
# Starts the stand-in plugin named by $1; the rest is what the Pulumi engine passes (its address).
# The checkout's own node goes first without being put on PATH: local commands must see the user's PATH.
set -eu
root=$(readlink -f -- "$(dirname -- "$0")/../../..")
name=$1
shift
node=$root/node_modules/.bin/node
[ -x "$node" ] || node=node
exec "$node" --require "$root/loader.cjs" "$root/simulator/plugins/main.ts" "$name" "$@"
