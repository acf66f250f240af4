#!/bin/bash
# Patroni's pre_promote: asks the guard whether this node may be promoted. Exit code 0: it may.
set -uo pipefail

# Where the service does not answer, the guard is run on its own.
answer=$(curl -s --max-time 8 --unix-socket /run/pgha-guard/socket -w '\n%{http_code}' http://guard/) ||
  exec /usr/local/lib/pgha/guard.py
printf '%s\n' "${answer%$'\n'*}" >&2
[[ ${answer##*$'\n'} == 200 ]]
