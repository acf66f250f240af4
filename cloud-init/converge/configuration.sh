# shellcheck shell=bash
# The cluster-wide configuration on its way to etcd. Every database node tries it first: what has not started here does not get there.

# Desired cluster-wide configuration in place? Numbers and strings of parameters count as equal.
dynamic_in_place() {
  rest "$patroni_url/config" 2>/dev/null | jq -e --slurpfile want /etc/patroni/dynamic.json \
    'def norm: walk(if type == "number" or type == "boolean" then tostring else . end); norm == ($want[0] | norm)' >/dev/null
}
put_dynamic() {
  rest -o /dev/null -X PUT -H 'Content-Type: application/json' -d @/etc/patroni/dynamic.json "$patroni_url/config"
}

# A throw-away PostgreSQL with the parameters that this node is to get.
try_parameters() {
  local said
  forget_own_stop
  if ! said=$(/opt/patroni/bin/python "$stage/usr/local/lib/pgha/trial.py" "$stage/etc/patroni" /etc/patroni \
    "$stage$units/patroni.service" "$PGBIN" "${PGDATA%/*/*}" 2>&1); then
    stop_others
    fail "PostgreSQL does not start with these settings, nothing was changed: $said"
  fi
  note_tried || true # without etcd nothing goes on here, which is said further down
}
tried() { sha256sum <"$stage/etc/patroni/dynamic.json" | cut -d' ' -f1; }
note_tried() { note tried "$(tried)"; }

# Nodes that do not answer are not waited for for ever: they try it when they are back.
propose() {
  soon 120 unless_stopped noted_by_all tried "$(tried)"
  dynamic_in_place || put_dynamic
}

# Patroni takes the cluster-wide configuration up at the end of the round that has seen it, and says then whether it must restart.
# So two further rounds must have begun: etcd is also asked when somebody asks Patroni for the cluster.
taken_up() {
  local seen
  seen=$(own_state .dcs_last_seen) || return
  if ((seen > ${last_seen:-0})); then
    last_seen=$seen
    rounds=$((${rounds:-0} + 1))
  fi
  ((${rounds:-0} > 2))
}

# What each node notes in etcd for the others.
note() { etcd_ctl put "/pgha/$CLUSTER/$1/$NODE" "$2" >/dev/null; }
# noted_by_all WHAT VALUE: have all other members noted this value?
noted_by_all() {
  local name names
  names=$(members "[.members[] | select(.name != \"$NODE\") | .name] | join(\" \")") || return
  for name in $names; do
    [[ $(etcd_ctl get --print-value-only "/pgha/$CLUSTER/$1/$name" 2>/dev/null) == "$2" ]] || return
  done
}

# Nodes that the settings know no more leave nothing here. Their machines go when all others are at their settings.
forget_strangers() {
  local name names what known
  known=$(jq -Rc 'split(",")' <<<"$DATABASE_HOSTS")
  names=$(members "[.members[] | select(.host | IN(${known}[]) | not) | .name] | join(\" \")") || return 0
  for name in $names; do
    for what in "done" tried stopped packages; do etcd_ctl del "/pgha/$CLUSTER/$what/$name" >/dev/null; done
  done
}

# The new settings are given up on this node. Patroni goes on with the old ones, and has soon seen that nothing waits for a restart.
leave_it() {
  put_back
  systemctl reload patroni || true
  soon 30 nothing_pending
}
nothing_pending() { ! pending_restart; }

# PostgreSQL did not come back: the old settings, here and in etcd, bring it back, and no other node restarts.
take_back() {
  local said
  said=$(journalctl -u patroni --since "@$1" -o cat --no-pager | grep -oE '(FATAL|PANIC): .*' | grep -v ' terminating ' | sort -u | tail -n 3) || true
  stop_others
  put_back
  put_dynamic || jq -jc . /etc/patroni/dynamic.json | etcd_ctl put "/service/$CLUSTER/config" >/dev/null || true
  systemctl restart patroni
  wait_for 120 "PostgreSQL to be back with the settings it had" healthy
  fail "PostgreSQL did not come back with the new settings; it runs with those it had, and no other node was restarted. It said: ${said:-nothing}"
}
