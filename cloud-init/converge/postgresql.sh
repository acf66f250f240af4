# shellcheck shell=bash
# PostgreSQL under Patroni. A configuration that only needs a reload is reloaded; one that needs a restart is restarted one
# node at a time, replicas first, the leader last and after a switchover.

patroni_url="https://$ADDRESS:8008"
rest() { curl -fsS --max-time 5 --cacert /etc/pgha/tls/ca.crt --cert /etc/pgha/tls/node.crt --key /etc/pgha/tls/node.key "$@"; }
sql() { runuser -u postgres -- psql -XAtq -v ON_ERROR_STOP=1 "$@"; }

# The cluster as Patroni sees it, read with one jq expression.
members() { rest "$patroni_url/cluster" 2>/dev/null | jq -er "$1"; }
own_state() { rest "$patroni_url/patroni" 2>/dev/null | jq -er "$1"; }

# Asked of this node itself: what it has left in etcd for the others is up to a few seconds old.
healthy() { [[ $(own_state '.role == "primary" and .state == "running" or .replication_state == "streaming"') == true ]]; }
is_leader() { curl -fsS -o /dev/null --max-time 2 --cacert /etc/pgha/tls/ca.crt "$patroni_url/primary" 2>/dev/null; }

# Desired cluster-wide configuration in place? Numbers and strings of parameters count as equal.
dynamic_in_place() {
  rest "$patroni_url/config" 2>/dev/null | jq -e --slurpfile want /etc/patroni/dynamic.json \
    'def norm: walk(if type == "number" or type == "boolean" then tostring else . end); norm == ($want[0] | norm)' >/dev/null
}
put_dynamic() {
  rest -o /dev/null -X PUT -H 'Content-Type: application/json' -d @/etc/patroni/dynamic.json "$patroni_url/config"
}

# The SQL of the cluster has been run by the leader and has reached this node.
sql_in_place() {
  local have
  have=$(sql -d "$DATABASE" -c 'SELECT sha256 FROM pgha.converged' 2>/dev/null) && [[ $have == "$sql_hash" ]] && return
  is_leader || return 1
  # A commit waits for the first standby; if this node loses its role meanwhile, the next leader runs the file.
  PGOPTIONS='-c client_min_messages=warning' timeout 30 \
    runuser -u postgres -- psql -XAtq -v ON_ERROR_STOP=1 -v sha256="$sql_hash" -d postgres -f /etc/patroni/cluster.sql >/dev/null 2>"$stage/.sql" ||
    return 1
}

seen_since() { (($(own_state .dcs_last_seen || echo 0) >= $1)); }
pending_restart() { [[ $(own_state '.pending_restart // false') == true ]]; }
others_pending() { members '[.members[] | select(.name != "'"$NODE"'" and .pending_restart == true)] | length' | grep -vqx 0; }

# The leader gives way before it restarts: to a synchronous standby, so that nothing is lost and nothing is refused.
give_way() {
  local candidate
  candidate=$(members '[.members[] | select(.role == "quorum_standby" or .role == "sync_standby")][0].name // empty') ||
    fail "must restart, but no synchronous standby can take over; see patronictl list"
  say "gives way to $candidate"
  rest -o /dev/null --max-time 60 -X POST -H 'Content-Type: application/json' \
    -d "{\"leader\": \"$NODE\", \"candidate\": \"$candidate\"}" "$patroni_url/switchover"
  wait_for 60 "the switchover to $candidate" not_leader_but_healthy
}
not_leader_but_healthy() { ! is_leader && healthy; }

restart_postgresql() {
  if is_leader; then give_way; fi
  if [[ -n ${restart_patroni:-} ]]; then
    systemctl restart patroni
  elif pending_restart; then
    rest -o /dev/null --max-time 120 -X POST -d '{}' "$patroni_url/restart"
  fi
  wait_for 120 "PostgreSQL to be back after its restart" healthy
}

# The leader's turn comes when no replica waits for its own any more.
restart_when_due() {
  [[ -n ${restart_patroni:-} ]] || pending_restart || return 0
  if is_leader; then wait_for 900 "the replicas to restart first" no_others_pending; fi
  in_turn restart_postgresql
}
no_others_pending() { ! others_pending; }

converge() {
  local copy now
  find_changes
  if systemctl is-active --quiet patroni; then was_active=1; fi
  # A first configuration replaces nothing; Patroni itself refuses a bad one, and the second its checker takes is saved.
  if [[ -n ${was_active:-} ]] && has_changed /etc/patroni/patroni.yml; then
    copy=$(stage_for_check)
    /opt/patroni/bin/patroni --validate-config --ignore-listen-port "$copy/etc/patroni/patroni.yml" >"$stage/.patroni" 2>&1 ||
      fail "patroni refuses its new configuration, nothing was changed: $(sed "s#$copy##g" "$stage/.patroni")"
  fi
  sql_hash=$(sha256sum <"$stage/etc/patroni/cluster.sql" | cut -d' ' -f1)
  if [[ -z ${was_active:-} ]]; then
    install_files
    install -d -o postgres -g postgres -m 0700 /var/lib/postgresql/17 "$PGDATA"
    systemctl daemon-reload
    systemctl enable --quiet patroni
    systemctl start --no-block patroni
  else
    install_files
    if has_changed '/etc/systemd/*'; then
      systemctl daemon-reload
      restart_patroni=1
    fi
    has_changed /etc/patroni/patroni.yml '/etc/pgha/tls/*' && systemctl reload patroni
  fi
  wait_for 180 "this node to lead or to stream from the leader" healthy
  if ! dynamic_in_place; then put_dynamic; fi
  # A running Patroni takes the cluster-wide configuration up in its next round, and says then whether it must restart.
  if [[ -n ${was_active:-} ]] && has_changed /etc/patroni/dynamic.json; then
    now=$(date +%s)
    wait_for 60 "Patroni to take up the cluster's configuration" seen_since $((now + LOOP_WAIT + 1))
  fi
  restart_when_due
  wait_for 120 "roles and database to be in place" sql_in_place
  say "$(own_state .role) on timeline $(own_state '.timeline // empty' || true)"
}
