# shellcheck shell=bash
# The PgBouncers of a proxy.

# each_pooler COMMAND...: for each PgBouncer of this proxy (POOLERS): what is asked at a console is asked at its.
each_pooler() {
  local one
  for one in $POOLERS; do
    IFS=: read -r pooler sockets port <<<"$one"
    console_at "$sockets"
    "$@"
  done
}
console_at() { console=(runuser -u postgres -- psql -XAtq -h "$1" -p "$port" -U pgbouncer -d pgbouncer); }
pgbouncer_admin() { "${console[@]}" -c "$1"; }
open_console() { timeout "$1" "${console[@]}" -v ON_ERROR_STOP=1; }
pgbouncer_answers() { pgbouncer_admin 'SHOW VERSION' >/dev/null 2>&1; }

# PgBouncer has no checker of its own: one is started with the new files, where only this step finds it, before anything is changed.
# check_poolers COPY: of all staged files (`stage_for_check`).
check_poolers() {
  chmod 0711 "$stage"
  chown -R postgres: "$1"
  each_pooler check_pooler "$1"
}
check_pooler() {
  local copy=$1 config=$1/etc/pgbouncer/$pooler.ini tried answers=
  console_at "$copy"
  sed -i "s#^listen_addr = .*#listen_addr =#; s#^unix_socket_dir = .*#unix_socket_dir = $copy#; s#^pidfile = .*#pidfile =#" "$config"
  setpriv --reuid postgres --regid postgres --init-groups --pdeathsig KILL pgbouncer "$config" >"$stage/.pgbouncer" 2>&1 &
  tried=$!
  soon 30 answers_or_ended "$tried"
  if pgbouncer_answers; then answers=1; fi
  kill "$tried" 2>/dev/null || true
  wait "$tried" || true
  [[ -n $answers ]] || fail "$pooler refuses its new configuration, nothing was changed: $(sed "s#$copy##g; s/^[^[]*\[[0-9]*\] //" "$stage/.pgbouncer" | tail -n 5)"
}
answers_or_ended() { pgbouncer_answers || ! kill -0 "$1" 2>/dev/null; }

change_pooler() {
  systemctl is-active --quiet "$pooler" || return 0
  if must reload pgbouncer; then renew_connections RELOAD; fi
  if outdated "$pooler"; then in_turn restart_idle_pooler; fi
}
start_pooler() {
  local holder
  if ! systemctl is-active --quiet "$pooler"; then
    holder=$(each_pooler holds_port "$port")
    if [[ -n $holder ]]; then
      enable_service "$pooler"
      say "$pooler comes when $holder is restarted, which has clients. \`pgha status\` says how to end that"
      return
    fi
  fi
  start_service "$pooler"
}
# A PgBouncer that the release before has started lets none listen beside it.
holds_port() { [[ $port != "$1" ]] || ! pgbouncer_admin 'SHOW CONFIG' 2>/dev/null | grep '^so_reuseport|0|' >/dev/null || echo "$pooler"; }
await_pooler() { ! systemctl is-active --quiet "$pooler" || wait_for 30 "PgBouncer to answer" pgbouncer_answers; }
# Those of more cores, or of more replicas, than there are now.
take_poolers_away() {
  local file unit
  for file in "$units"/pgbouncer-*.service; do
    unit=$(basename "$file" .service)
    if [[ -e $file ]] && switched_off "$unit"; then rm -f "/etc/pgbouncer/$unit.ini"; fi
  done
}

reconnect_pooler() { renew_connections RECONNECT >/dev/null 2>&1 || true; } # one that does not run has no sessions
renew_connections() { at_rest 5 30 "$1"; }
# at_rest LOGINS SECONDS COMMAND: tells PgBouncer something while it opens no connection to PostgreSQL, for which this waits LOGINS
# seconds at most. A login that a RECONNECT, RELOAD or PAUSE breaks off counts as failed: PgBouncer would turn clients away
# ("connect string changed") until the next one succeeds. In one session, as the next login may begin before another psql has started.
at_rest() (
  trap '' PIPE # a console that has ended says so itself
  mkfifo "$stage/.console"
  exec {answers}< <(open_console $(($1 + $2)) <"$stage/.console")
  session=$!
  exec {questions}>"$stage/.console"
  rm "$stage/.console"
  deadline=$((SECONDS + $1))
  until no_logins "$questions" "$answers" || ((SECONDS >= deadline)); do sleep 0.01; done
  echo "$3;" >&"$questions"
  exec {questions}>&-
  wait "$session"
)
# no_logins QUESTIONS ANSWERS: of an open console. One that does not answer is not waited for.
no_logins() {
  local row logins=0
  { printf 'SHOW POOLS;\nSHOW VERSION;\n' >&"$1"; } 2>/dev/null || return 0
  while IFS='|' read -r -a row -t 5 -u "$2" && [[ ${row[0]-} != PgBouncer* ]]; do
    logins=$((logins + ${row[12]:-0}))
  done
  ((logins == 0))
}

pause_pools() {
  local failed=
  # Whatever ends this script: nobody else would let the clients go on.
  trap 'each_pooler resume_pool; leave' EXIT
  each_pooler pause_pool
  [[ -z $failed ]]
}
pause_pool() {
  systemctl is-active --quiet "$pooler" || return 0
  paused="${paused:-} $pooler "
  at_rest 1 5 PAUSE >/dev/null 2>&1 || failed=1
}
resume_pool() { [[ ${paused:-} != *" $pooler "* ]] || pgbouncer_admin RESUME >/dev/null 2>&1 || true; }

# A restart cuts its clients, and they are what it is there for: it waits for a time when there are none.
restart_idle_pooler() {
  if [[ $(pgbouncer_admin 'SHOW CLIENTS' | awk -F'|' '$3 != "pgbouncer"' | wc -l) != 0 ]]; then
    say "$pooler runs on without its new limits: it has clients. \`pgha status\` says how to end that"
    return
  fi
  systemctl restart "$pooler"
  wait_for 30 "PgBouncer to answer" pgbouncer_answers
}
