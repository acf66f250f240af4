#!/bin/bash
# Patroni's callback on_role_change, on_start and on_restart: ACTION ROLE SCOPE. Patroni does not wait for it. Once this node
# takes writes it says so to the proxies, which would find out at their next check, and which may have their pools paused.
set -uo pipefail
# shellcheck source=/dev/null # NODE, GATES, CA, CERT, KEY: see cloud-init/services/patroni/hooks.ts
source "${PGHA_HOOKS:-/etc/pgha/hooks.env}"

[[ ${2:-} == primary ]] || exit 0

# Patroni calls as soon as it has asked for the promotion.
PGOPTIONS='-c statement_timeout=5s' PGCONNECT_TIMEOUT=2 psql -XAtq -d postgres \
  -c 'DO $$ BEGIN WHILE pg_is_in_recovery() LOOP PERFORM pg_sleep(0.005); END LOOP; END $$' || exit 0

to=()
for gate in "${GATES[@]}"; do to+=(-o /dev/null "$gate/leader?name=$NODE"); done
answers=$(curl -s --no-progress-meter --parallel --parallel-immediate --connect-timeout 0.5 --max-time 5 \
  --cacert "$CA" --cert "$CERT" --key "$KEY" -d '' -w '%{url}: %{http_code} %{errormsg}\n' "${to[@]}")
printf 'pgha: takes writes, told %s\n' "${answers//$'\n'/; }"
