# shellcheck shell=bash
# A proxy: HAProxy and PgBouncer. Both take a new configuration without dropping a connection.

# Until it has asked, HAProxy takes every server for up, so one and no more is what counts.
haproxy_sees_leader() {
  echo 'show stat' | socat - /run/haproxy/admin.sock 2>/dev/null |
    awk -F, '$1 == "leaders" && $2 != "BACKEND" && $18 ~ /^UP/ {up++} END {exit up != 1}'
}

pgbouncer_admin() { runuser -u postgres -- psql -XAtq -h /var/run/postgresql -p 6432 -U pgbouncer -d pgbouncer -c "$1"; }
pgbouncer_answers() { pgbouncer_admin 'SHOW VERSION' >/dev/null 2>&1; }

converge() {
  local copy
  copy=$(stage_for_check)
  # Warnings are shown when it fails; a sound configuration says nothing.
  haproxy -c -q -f "$copy/etc/haproxy/haproxy.cfg" -f "$copy/etc/haproxy/secrets.cfg" >"$stage/.haproxy" 2>&1 ||
    fail "haproxy refuses its new configuration, nothing was changed: $(sed "s#$copy##g" "$stage/.haproxy")"
  find_changes
  install_files
  if systemctl is-active --quiet haproxy; then
    if has_changed '*/haproxy.service.d/*'; then
      in_turn restart_haproxy
    elif has_changed '/etc/haproxy/*' '/etc/pgha/tls/*' '*/hold.lua'; then
      systemctl reload haproxy
    fi
  fi
  if systemctl is-active --quiet pgbouncer; then
    if has_changed '*/pgbouncer.service'; then
      in_turn restart_pgbouncer
    elif has_changed '/etc/pgbouncer/*' '/etc/pgha/tls/*'; then
      pgbouncer_admin RELOAD
    fi
  fi
  start_service haproxy
  start_service pgbouncer
  converge_gate
  wait_for 30 "PgBouncer to answer" pgbouncer_answers
  wait_for 180 "HAProxy to see a leader" haproxy_sees_leader
  say "haproxy sees the leader, pgbouncer answers"
}

restart_haproxy() { systemctl restart haproxy; }
restart_pgbouncer() {
  systemctl restart pgbouncer
  wait_for 30 "PgBouncer to answer" pgbouncer_answers
}

# The gate, when the clock has a pause. A restart ends a pause, so it keeps out of other nodes' turns.
converge_gate() {
  local unit=/etc/systemd/system/pgha-gate.service
  if [[ -z ${owner[$unit]:-} ]]; then
    [[ -e $unit ]] || return 0
    systemctl disable --quiet --now pgha-gate
    rm "$unit"
    systemctl daemon-reload
    return
  fi
  if systemctl is-active --quiet pgha-gate; then
    if has_changed "$unit" /etc/pgha/gate.json '*/gate.py' '*/pgbouncer_console.py'; then
      in_turn restart_gate
    elif has_changed '/etc/pgha/tls/*'; then
      systemctl reload pgha-gate
    fi
  fi
  start_service pgha-gate
}
restart_gate() { systemctl restart pgha-gate; }
