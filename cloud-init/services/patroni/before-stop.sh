#!/bin/bash
# Patroni calls this before it stops PostgreSQL, and waits for it (`postgresql.before_stop`; Postgresql._do_stop). When the
# leader is to stop in good order (switchover, restart, end of Patroni or its machine), clients are made to wait at the
# proxies first, and PostgreSQL is stopped from here: Patroni would look only a second later whether it has stopped
# (STOP_POLLING_INTERVAL), and nobody takes over before that. In every other case it leaves things to Patroni at once, as it
# does when anything fails here. Its exit code is only logged.
set -uo pipefail
# ETCD, LEADER_KEY, LEADER_VALUE, GATES, PAUSE, CHECKPOINT, PGDATA, CA, CERT, KEY: see cloud-init/services/patroni/hooks.ts
# shellcheck source=/dev/null
source "${PGHA_HOOKS:-/etc/pgha/hooks.env}"

say() { printf 'pgha: %s\n' "$*"; }
milliseconds() { echo $((${EPOCHREALTIME/./} / 1000)); }

# Does this node hold the leader key? etcd knows; Patroni's own REST server is gone when Patroni ends. A leader that has lost its
# key, or etcd, must stop without delay.
leads() {
  local member to=() answers
  for member in "${ETCD[@]}"; do to+=("$member/v3/kv/range"); done
  answers=$(curl -s --no-progress-meter --parallel --parallel-immediate --max-time 0.5 --cacert "$CA" --cert "$CERT" \
    --key "$KEY" -d "{\"key\": \"$LEADER_KEY\"}" "${to[@]}")
  [[ $answers =~ \"value\":\ *\""$LEADER_VALUE"\" ]]
}

# What is written now need not be written while nobody leads. Fails when PostgreSQL cannot be asked at all; one that takes
# longer than this is stopped all the same.
checkpoint() {
  PGOPTIONS="-c statement_timeout=${CHECKPOINT}s" PGCONNECT_TIMEOUT=2 timeout $((CHECKPOINT + 2)) \
    psql -XAtq -d postgres -c CHECKPOINT
  (($? < 2))
}

# All proxies at once; one that is away costs half a second. What cannot be paused finds its connections cut.
pause_pools() {
  local gate to=() answers
  for gate in "${GATES[@]}"; do to+=(-o /dev/null "$gate/pause?for=$PAUSE"); done
  answers=$(curl -s --no-progress-meter --parallel --parallel-immediate --connect-timeout 0.5 --max-time 1.2 \
    --cacert "$CA" --cert "$CERT" --key "$KEY" -d '' -w '%{url}: %{http_code} %{errormsg}\n' "${to[@]}")
  # 200: paused; 202: transactions go on, which PostgreSQL's stop will end.
  say "asked ${answers//$'\n'/; }"
}

# As Patroni would stop it: "fast". Standbys get everything, the last checkpoint's record too, before the postmaster ends.
stop_postgresql() {
  local pid started
  read -r pid <"$PGDATA/postmaster.pid" || return
  started=$(milliseconds)
  kill -INT "$pid" || return
  if timeout 3 tail --pid="$pid" --sleep-interval=0.01 -f /dev/null; then
    say "PostgreSQL has stopped within $(($(milliseconds) - started)) ms"
  else
    say "PostgreSQL has not stopped within 3 s; Patroni goes on"
  fi
}

[[ ! -e $PGDATA/standby.signal ]] || exit 0
leads && checkpoint || exit 0
pause_pools
stop_postgresql
exit 0
