#!/usr/bin/env bash
# The matrix's client psql, by the environment alone. Protocol: ../README.md. Each statement has a connection of its own.
set -uo pipefail
examples=../../../../../docs/clients
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

sql() { psql -XAtq -v ON_ERROR_STOP=1 -v VERBOSITY=verbose -c "$@"; }

# The SQLSTATE that psql's last error has.
state() { sed -nE 's/.*(ERROR|FATAL): +([0-9A-Z]{5}):.*/\2/p' "$scratch/said" | tail -n 1; }

cancelled() {
  (trap - INT && exec psql -XAtq -v VERBOSITY=verbose -c "SELECT pg_sleep(30) /* $1 */") >/dev/null 2>"$scratch/said" &
  local psql=$!
  until [ "$(sql "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%/* $1 */' AND pid <> pg_backend_pid()")" = 1 ]; do
    kill -0 "$psql" || return
  done
  kill -INT "$psql" # as Ctrl-C does
  wait "$psql"
  state
}

broken() {
  sql "BEGIN; INSERT INTO matrix (id) VALUES ('$1'); SELECT 1 / (SELECT 0); COMMIT" >/dev/null 2>"$scratch/said"
  [ "$(sql "SELECT count(*) FROM matrix WHERE id = '$1'")" = 0 ] && state
}

# By docs/clients/once.sh, one after the other.
ride() {
  local n=0 good=0 failed="" longest=0 began took
  while [ ! -e "$scratch/stop" ]; do
    began=$(date +%s%N)
    echo "INSERT INTO matrix (id) VALUES ('$1-$n');" >"$scratch/once.sql"
    if "$examples/once.sh" "$1-$n" "$scratch/once.sql" 2>"$scratch/ride"; then
      good=$((good + 1))
    else
      failed+="$1-$n: $(tr '\n' ' ' <"$scratch/ride"); "
    fi
    took=$((($(date +%s%N) - began) / 10000000))
    ((took > longest)) && longest=$took
    n=$((n + 1))
    sleep 0.2
  done
  jq -cn --argjson good "$good" --arg failed "$failed" --argjson longest "$longest" \
    '{done: $good, failed: (if $failed == "" then [] else [$failed] end), longest: ($longest / 100)}' >"$scratch/result"
}

answer() { jq -cn --arg step "$1" --argjson ok "$2" --argjson said "$3" '{step: $step, ok: $ok, said: $said}'; }
text() { jq -cRs 'rtrimstr("\n")'; }

while read -r step word; do
  case $step in
  connect) said=$(sql "SELECT 1" 2>"$scratch/said") ;;
  write) said=$(sql "INSERT INTO matrix (id) VALUES ('$word') RETURNING id" 2>"$scratch/said" | text) ;;
  read) said=$(psql -XAtq "$READ_URL" -c "SELECT CASE WHEN pg_is_in_recovery() THEN 'true' ELSE 'false' END" 2>"$scratch/said") ;;
  prepared) said='"none"' ;;
  long) said=$(sql "SELECT pg_sleep(3)" 2>"$scratch/said" | text) ;;
  cancel) said=$(cancelled "$word" | text) ;;
  broken) said=$(broken "$word" | text) ;;
  own) said=null ;;
  ride)
    ride "$word" </dev/null >/dev/null &
    riding=$!
    said=null
    ;;
  stop)
    touch "$scratch/stop"
    wait "$riding"
    said=$(cat "$scratch/result")
    ;;
  *) false ;;
  esac
  # shellcheck disable=SC2181 # the case above
  if [ $? = 0 ] && [ -n "$said" ]; then answer "$step" true "$said"; else answer "$step" false "$(text <"$scratch/said")"; fi
done
