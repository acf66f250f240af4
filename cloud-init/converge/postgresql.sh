# shellcheck shell=bash
# PostgreSQL under Patroni. A configuration that only needs a reload is reloaded; one that needs a restart is restarted one
# node at a time, replicas first, the leader last and after a switchover.

patroni_url="https://$ADDRESS:8008"
# Held by whoever switches over, `pgha switchover` too: Patroni forgets a first request for a second one.
switchover_lock=/run/lock/pgha-switchover
rest() { curl -fsS --max-time 5 --cacert /etc/pgha/tls/ca.crt --cert /etc/pgha/tls/node.crt --key /etc/pgha/tls/node.key "$@"; }
# What a session of ours starts with (cloud-init/services/patroni/session.ts), and no statement where others read it, in the log, in
# statistics, among what runs, or in what a deadlock's report tells: there are verifiers in some.
superuser_options="$SUPERUSER_OPTIONS $(printf -- '-c %s ' log_statement=none log_min_duration_statement=-1 \
  log_min_duration_sample=-1 log_transaction_sample_rate=0 log_min_error_statement=panic track_activities=off \
  debug_print_parse=off debug_print_rewritten=off debug_print_plan=off pgaudit.log=none \
  pg_stat_statements.track=none pg_stat_statements.track_utility=off auto_explain.log_min_duration=-1)"
sql() { PGOPTIONS=$superuser_options runuser -u postgres -- psql -XAtq -v ON_ERROR_STOP=1 "$@"; }

# Waits until this node leads or streams. A copy of a database, and the replay of what was written meanwhile, take what they take: they
# are waited for as long as they get on.
patience=180
follow() {
  local before='' now deadline=$((SECONDS + patience)) look=$((SECONDS + 5))
  until healthy; do
    if ((SECONDS >= look)); then
      look=$((SECONDS + 5))
      now=$(copied_so_far)
      if [[ $now != "$before" ]]; then
        deadline=$((SECONDS + patience)) before=$now
        printf '%s: waits to follow the leader: %s\n' "$NODE" "$now" >&2
      elif cannot_follow; then
        copy_again
      fi
    fi
    ((SECONDS < deadline)) || give_up "waited $patience s for: this node to lead or to stream from the leader"
    sleep 0.2
  done
}
copied_so_far() {
  if [[ -e $PGDATA/postmaster.pid ]]; then
    ps -C postgres -o args= | sed -n 's/.* startup \(recovering\|waiting\)/replay: \1/p' | head -n 1
  else
    echo "$(du -s --block-size=1M "$PGDATA" 2>/dev/null | cut -f1) MiB are copied"
  fi
}
# Was this standby, which gets no further, away for so long that the leader has removed what it needs next? It would ask for that for ever.
cannot_follow() {
  local next oldest
  [[ -z ${copied:-} ]] || return
  next=$(own_state 'select(.role == "replica") | .xlog | [.received_location, .replayed_location] | max | numbers / 16777216 | floor') || return
  oldest=$(psql -XAtq "host=$DATABASE_HOSTS user=rewind_user dbname=postgres target_session_attrs=read-write connect_timeout=2 \
    sslmode=verify-full sslrootcert=/etc/pgha/tls/ca.crt sslcert=/etc/pgha/tls/node.crt sslkey=/etc/pgha/tls/node.key" \
    -c "SELECT min(substr(file, 9)) FROM pg_ls_dir('pg_wal', true, false) AS file WHERE file ~ '^[0-9A-F]{24}$'" 2>/dev/null) || return
  [[ $(printf '%08X%08X' $((next / 256)) $((next % 256))) < $oldest ]]
}
# Patroni deletes its data, and copies the leader's. It refuses on a leader.
copy_again() {
  members '.members[] | select(.role == "leader") | .name' >/dev/null || return 0
  say "the leader has removed what this standby needs next: its data is deleted, and copied again"
  if rest -o /dev/null -X POST -H 'Content-Type: application/json' -d '{"force": true}' "$patroni_url/reinitialize"; then
    copied=1
    deadline=$((SECONDS + patience))
  fi
}

# The cluster as Patroni sees it, read with one jq expression.
members() { rest "$patroni_url/cluster" 2>/dev/null | jq -er "$1"; }
own_state() { rest "$patroni_url/patroni" 2>/dev/null | jq -er "$1"; }

# Asked of this node itself: what it has left in etcd for the others is up to a few seconds old. While PostgreSQL has not
# even started there is nothing to ask, and the processor has better things to do.
healthy() { [[ -S /var/run/postgresql/.s.PGSQL.5432 && $(own_state '.role == "primary" and .state == "running" or .replication_state == "streaming"') == true ]]; }
is_leader() { curl -fsS -o /dev/null --max-time 2 --cacert /etc/pgha/tls/ca.crt "$patroni_url/primary" 2>/dev/null; }

# After the loss of all of etcd a new one answers under the same addresses. Patroni takes none whose history is shorter than what it has
# seen (StaleEtcdNode in its journal), for ever; a new process of it has seen nothing. PostgreSQL runs on meanwhile. The leader is first:
# a standby that found the new etcd empty would know of nobody else.
take_up_new_etcd() {
  soon 15 hears_etcd
  if hears_etcd || ! leader_key >/dev/null; then return; fi
  if [[ $(own_state .role) != primary ]]; then wait_for 120 "the leader to be known to the new etcd" leader_known; fi
  say "this Patroni takes etcd for an old one: it starts again, and PostgreSQL runs on"
  systemctl kill --kill-whom=main --signal=KILL patroni
  wait_for 60 "Patroni to hear etcd" hears_etcd
}
hears_etcd() {
  local seen
  seen=$(own_state .dcs_last_seen) && (($(date +%s) - seen <= 2 * $(jq .loop_wait "$stage/etc/patroni/dynamic.json") + 3))
}
leader_key() { etcd_ctl get --print-value-only "/service/$CLUSTER/leader" 2>/dev/null; }
leader_known() { [[ -n $(leader_key) ]]; }

# Looked at for 5 s in one session: a new one for every look takes from the standbys the processor that they start with.
commits_wait_for_standby() {
  [[ $(
    sql -d postgres <<'SQL'
\o /dev/null
SELECT 1 WHERE current_setting('synchronous_standby_names') !~ '^ANY [1-9]' \watch interval=0.1 count=50 min_rows=1
\o
SELECT current_setting('synchronous_standby_names') ~ '^ANY [1-9]'
SQL
  ) == *t ]]
}

# What the leader finds missing, as after `DROP SCHEMA public CASCADE`, it gives again by running the SQL of the cluster again.
rights_in_place() {
  local missing
  is_leader || return 0
  missing=$(sql -d postgres -f /etc/patroni/rights.sql 2>&1) && [[ -z $missing ]]
}

# The SQL of the cluster has been run by the leader and has reached this node.
sql_in_place() {
  local have
  have=$(sql -d postgres -c 'SELECT sha256 FROM pgha.converged' 2>/dev/null) && [[ $have == "$sql_hash" ]] && rights_in_place && return
  is_leader || return 1
  all_have_packages || return
  # No application role before a standby confirms commits. (In strict quorum mode Patroni 4.1.5 bootstraps with
  # synchronous_standby_names 'ANY None (*)', which PostgreSQL refuses: until the first standby is listed it would
  # acknowledge commits alone.)
  [[ -n $have || $SYNCHRONOUS == off ]] || commits_wait_for_standby || return
  # A commit waits for the first standby; if this node loses its role meanwhile, the next leader runs the file.
  PGOPTIONS=$superuser_options timeout "$SQL_LIMIT" \
    runuser -u postgres -- psql -XAtq -v ON_ERROR_STOP=1 -v sha256="$sql_hash" -d postgres -f /etc/patroni/cluster.sql >/dev/null 2>"$stage/.sql" ||
    return 1
}

# A database that is to be dropped is not while sessions use it. Those of PgBouncer end when it has its new configuration, which takes a
# moment; others are not waited for, and then nothing is changed on any node.
drop_or_leave_it() {
  if sql_in_place || ! database_used; then return 0; fi
  soon 20 sql_in_place
  if ! database_used; then return 0; fi
  stop_others
  leave_it
  dynamic_in_place || put_dynamic
  fail "is left as it was: $(sql_said)"
}
database_used() { [[ $(sql_said) == *" is to be dropped, but "* ]]; }

sql_said() { sed -n 's/.*\(ERROR\|FATAL\): *//p' "$stage/.sql" 2>/dev/null | tail -n 1; }

# Proxies of the release before look passwords up in the application's database until they have their new files. They wait for the SQL of
# the cluster, and this waits for them: then what they used is taken away. A proxy that is not reached keeps it until the next `up`.
leave_old_schema() {
  old_schema || return 0
  soon 300 old_schema_gone
  old_schema_gone || say "database $DATABASE keeps the schema pgha of the release before: a proxy still has its old files"
}
old_schema() {
  [[ $(sql -d "$DATABASE" -c "SELECT count(*) FROM pg_namespace WHERE nspname = 'pgha' AND nspowner = to_regrole('postgres')") == 1 ]]
}
old_schema_gone() { sql_in_place && ! old_schema; }

pending_restart() { [[ $(own_state '.pending_restart // false') == true ]]; }
due() { [[ -n ${restart_patroni:-} ]] || pending_restart; }

# decide QUESTION...: who may go next is known by decide.py, as by the operator's commands. Keeps its answer; succeeds when it may be done.
decide() { answer=$(/usr/local/lib/pgha/decide.py "$@" 2>"$stage/.decide"); }
answered() { [[ -n $answer ]] && jq -cer "$1" <<<"$answer"; }
# Nothing speaks against it, nor for waiting a while.
decide_freely() { decide "$@" && answered '.reasons == []' >/dev/null; }
may_go() { [[ $(answered .go) == true ]]; }
why_not() { answered '[.reasons[].text] | join("; ")' || tail -n 1 "$stage/.decide"; }

# Parameters that a standby may not have lower than its leader and that are lowered now, with their new values. Then the
# leader must go first. Names as pg_controldata has them.
lowered_parameters() {
  decide order || true
  answered ".lowered.$NODE // {} | to_entries[] | \"\(.key) \(.value)\"" || true
}
lowered() { [[ -n $(lowered_parameters) ]]; }
# The leader's lower values have reached this standby: only then does PostgreSQL start with them here.
lower_values_arrived() {
  local name value control
  healthy || return
  control=$("$PGBIN/pg_controldata" "$PGDATA")
  while read -r name value; do
    (($(sed -n "s/^$name setting: *//p" <<<"$control") <= value)) || return
  done < <(lowered_parameters)
}

# Each node notes in etcd which configuration it has restarted for; by that they know when the others are done.
generation() {
  (cd "$stage/etc" && cat systemd/system/patroni.service patroni/dynamic.json pgha/tls/ca.crt) | sha256sum | cut -d' ' -f1
}
note_done() { note "done" "$(generation)" && note_tried; }
all_done() { noted_by_all "done" "$(generation)"; }

request_switchover() {
  rest -o /dev/null --max-time 60 -X POST -H 'Content-Type: application/json' -d "$1" "$patroni_url/switchover"
}

# The leader gives way before it restarts: to a synchronous standby, so that nothing is lost and nothing is refused. A standby that has just
# restarted counts for one again a round or two later; what remains of failsafe mode goes by itself.
give_way() (
  flock -w 60 9 || fail "must restart, but a switchover has been under way for 60 s"
  is_leader || exit 0
  soon 30 decide_freely switchover --from "$NODE"
  may_go || soon 30 decide switchover --from "$NODE"
  request=$(answered .request) || fail "must restart, but no other node may take over: $(why_not)"
  say "gives way: $request"
  request_switchover "$request" ||
    fail "Patroni did not switch over; its journal says why"
  wait_for 60 "another node to lead and this one to follow it" not_leader_but_healthy
) 9>"$switchover_lock"
not_leader_but_healthy() { ! is_leader && healthy; }

# A leader that the settings know no more hands over before its machine goes. Any other node asks it to.
no_stranger_leads() {
  if decide stranger && ! answered .request >/dev/null; then return 0; fi
  in_turn relieve_stranger
  return 1
}
relieve_stranger() {
  local request
  soon 30 decide_freely stranger
  if ! request=$(answered .request); then
    if may_go; then return; fi
    say "the leader is to go, but no other node may take over: $(why_not)"
    sleep 1
    return
  fi
  say "the leader, which is to go, gives way: $request"
  request_switchover "$request" || sleep 1
}

restart_postgresql() {
  local begun
  begun=$(date +%s)
  if is_leader && ! lowered; then give_way; fi
  # That all others are well is worth a while. A node that is being copied may take hours.
  if due; then
    soon 120 decide_freely restart "$NODE"
    may_go || soon 30 decide restart "$NODE"
    may_go || fail "must restart, but may not: $(why_not)"
  fi
  if [[ -n ${restart_patroni:-} ]]; then
    systemctl restart patroni
  elif pending_restart; then
    rest -o /dev/null --max-time 120 -X POST -d '{}' "$patroni_url/restart" 2>/dev/null || true # whether it is back is looked at
  fi
  answered=$SECONDS
  # What was written since the last checkpoint is replayed, which takes what it takes.
  soon 1200 back_or_failed
  healthy || take_back "$begun"
}
back_or_failed() {
  local state
  healthy && return
  if state=$(own_state .state); then answered=$SECONDS; fi
  [[ $state == "start failed" ]] || ((SECONDS - answered > 60))
}

# A proxy that restarts in the middle of a switchover would end the pause that hides it.
restart_among_still_proxies() {
  local still
  exec {still}< <(hold_leader_lock rewind_user 2>/dev/null)
  lock_holders+=($!)
  # Without a leader there is no such lock, and nothing to hide.
  read -r -t 30 <&"$still" || say "does not wait any longer for proxies that restart"
  restart_postgresql
  let_go "$still"
}

restart_unless_stopped() { unless_stopped restart_among_still_proxies; }

# Replicas one by one, the leader last and after it has given way; the other way round, and in place, when it must go first.
restart_when_due() {
  if due; then
    if is_leader; then
      lowered || wait_for 900 "the replicas to restart first" unless_stopped all_done
    elif lowered; then
      wait_for 900 "the leader to restart first, for a parameter is lowered" unless_stopped lower_values_arrived
    fi
    in_turn restart_unless_stopped
  fi
  note_done
}

converge() {
  local copy
  find_changes
  if systemctl is-active --quiet patroni; then was_active=1; fi
  # A first configuration replaces nothing; Patroni itself refuses a bad one, and the second its checker takes is saved.
  if [[ -n ${was_active:-} ]] && has_changed /etc/patroni/patroni.yml; then
    copy=$(stage_for_check)
    /opt/patroni/bin/patroni --validate-config --ignore-listen-port "$copy/etc/patroni/patroni.yml" >"$stage/.patroni" 2>&1 ||
      fail "patroni refuses its new configuration, nothing was changed: $(sed "s#$copy##g" "$stage/.patroni")"
  fi
  install_packages
  if [[ -n ${was_active:-} ]]; then try_parameters; fi
  sql_hash=$(sha256sum <"$stage/etc/patroni/cluster.sql" | cut -d' ' -f1)
  if [[ -z ${was_active:-} ]]; then
    install_machine
    note_tried || true # a node without data tries nothing, and nobody is to wait for it
    install -d -o postgres -g postgres -m 0700 /var/lib/postgresql/17 "$PGDATA"
    start_service pgha-guard
    begin_service patroni
  else
    install_machine
    # Before Patroni reads that it is there.
    if must restart pgha-guard; then systemctl restart pgha-guard; fi
    start_service pgha-guard
    if must restart patroni; then restart_patroni=1; fi
    if must reload patroni; then systemctl reload patroni; fi
  fi
  follow
  note_packages
  install_client_certificate
  if [[ -n ${was_active:-} ]]; then take_up_new_etcd; fi
  wait_for 120 "a leader that is to stay" no_stranger_leads
  if ! dynamic_in_place; then propose; fi
  if [[ -n ${was_active:-} ]] && has_changed /etc/patroni/dynamic.json; then
    wait_for 60 "Patroni to see the cluster's configuration" dynamic_in_place
    wait_for 60 "Patroni to take up the cluster's configuration" taken_up
  fi
  # Before restarts, which take their time: proxies wait for it, and what needs a restart comes after it.
  if [[ -n ${was_active:-} ]] && is_leader; then
    soon 120 unless_stopped all_have_packages
    drop_or_leave_it
  fi
  restart_when_due
  forget_strangers
  soon $((90 + SQL_LIMIT)) ${was_active:+unless_stopped} sql_in_place
  sql_in_place || give_up "roles and databases are not as the settings have them. PostgreSQL said: $(sql_said)"
  leave_old_schema
  say "$(own_state .role) on timeline $(own_state '.timeline // empty' || true)"
}
