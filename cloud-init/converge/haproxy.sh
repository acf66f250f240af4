# shellcheck shell=bash
# A proxy: HAProxy and PgBouncer. Both take a new configuration without dropping a connection.

# Until it has asked, HAProxy takes every server for up, so one and no more is what counts.
haproxy_sees_leader() {
  echo 'show stat' | haproxy_admin 2>/dev/null |
    awk -F, '$1 == "leaders" && $2 != "BACKEND" && $18 ~ /^UP/ {up++} END {exit up != 1}'
}

# Whoever leads is asked for what PgBouncer asks it for. A proxy of the release before had it in the application's database.
ask_leader() {
  psql -XAtq -v ON_ERROR_STOP=1 "host=$DATABASE_HOSTS user=pgbouncer dbname=postgres target_session_attrs=read-write connect_timeout=2 \
    sslmode=verify-full sslrootcert=/etc/pgha/tls/ca.crt sslcert=/etc/pgha/tls/node.crt sslkey=$stage/etc/pgha/tls/node.key" -c "$1"
} 2>/dev/null
passwords_known() { ask_leader "SELECT pgha.lookup('')" >/dev/null; }
note_proxy() { ask_leader "SELECT pgha.note_proxy()" >/dev/null; }

# A proxy may not speak to etcd.
turn_lock=(hold_leader_lock pgbouncer)

converge() {
  local copy
  copy=$(stage_for_check)
  # Warnings are shown when it fails; a sound configuration says nothing.
  haproxy -c -q -f "$copy/etc/haproxy/haproxy.cfg" -f "$copy/etc/haproxy/secrets.cfg" >"$stage/.haproxy" 2>&1 ||
    fail "haproxy refuses its new configuration, nothing was changed: $(sed "s#$copy##g" "$stage/.haproxy")"
  make_user pgha-gate
  find_changes
  if systemctl is-active --quiet pgbouncer && has_changed /etc/pgbouncer/pgbouncer.ini; then
    wait_for 900 "the leader to have what PgBouncer looks passwords up by" passwords_known
  fi
  if systemctl is-active --quiet pgbouncer && must reload pgbouncer; then check_poolers "$copy"; fi
  install_machine
  if systemctl is-active --quiet haproxy; then
    if must reload haproxy || { must update haproxy && ! take_certificate; }; then
      # A leader that is to go hands over first: who does not know it any more would find nobody.
      soon 120 known_node_leads
      # While nobody leads, nobody gives turns, and there are no writes to keep.
      if known_node_leads; then in_turn reload_haproxy; else reload_haproxy; fi
    fi
  fi
  take_poolers_away
  each_pooler change_pooler
  # A first boot goes on elsewhere for longer than a change.
  local patience=900
  if systemctl is-active --quiet haproxy; then
    patience=180
    if must restart haproxy; then in_turn restart_haproxy; fi
  fi
  start_service haproxy
  each_pooler start_pooler
  converge_gate
  each_pooler await_pooler
  wait_for "$patience" "HAProxy to see a leader" haproxy_sees_leader
  wait_for "$patience" "the leader to note where this proxy looks passwords up" note_proxy
  change_authority
  say "haproxy sees the leader, pgbouncer answers"
}

known_node_leads() {
  local host
  for host in ${DATABASE_HOSTS//,/ }; do
    # As HAProxy asks: Patroni wants no certificate of a proxy.
    curl -fsS -o /dev/null --max-time 2 --cacert /etc/pgha/tls/ca.crt "https://$host:8008/primary" 2>/dev/null && return
  done
  return 1
}

# The old worker goes on with its sessions (old-workers.lua says what becomes of them). PgBouncer's, which last, leave it each after
# its transaction. The next proxy has its turn once this one serves.
reload_haproxy() {
  local before
  before=$(haproxy_pid)
  wait_for 60 "HAProxy's new worker" replace_worker "$before"
  soon 10 haproxy_sees_leader
  each_pooler reconnect_pooler
}

# By root, for one that still runs as its unit said before a change may be root's. HAProxy's master does not hear it while it starts.
replace_worker() {
  systemctl kill --kill-whom=main --signal=USR2 haproxy
  soon 10 new_haproxy_pid "$1"
  new_haproxy_pid "$1"
}

# take_certificate: the running worker is given the stats page's new certificate, with its key: a reload for it would leave an old
# worker behind at every renewal. What HAProxy shows afterwards decides. Authorities need a reload: HAProxy 3.0 commits a new
# `ca-file`, says "Success!", and goes on with the old one for servers that it shows no certificate of its own (ssl_sock.c,
# `ssl_sock_prep_srv_ctx_and_inst`).
server_certificate=/etc/pgha/tls/server.crt
take_certificate() {
  local wanted
  {
    printf 'set ssl cert %s <<\n' "$server_certificate"
    sed '/^$/d' "$server_certificate" /etc/pgha/tls/node.key # an empty line ends it
    echo
  } | haproxy_admin
  echo "commit ssl cert $server_certificate" | haproxy_admin
  wanted=$(openssl x509 -noout -fingerprint -sha1 -in "$server_certificate" | sed 's/.*=//; s/://g')
  [[ -n $wanted && $(echo "show ssl cert $server_certificate" | haproxy_admin) == *"FingerPrint: $wanted"* ]]
} >/dev/null 2>&1
# A worker that is frozen takes the connection and says nothing, for ever.
haproxy_admin() { timeout 5 socat -t 5 - /run/haproxy/admin.sock; }
haproxy_pid() { echo 'show info' | haproxy_admin 2>/dev/null | sed -n 's/^Pid: //p'; }
new_haproxy_pid() {
  local now
  now=$(haproxy_pid)
  [[ -n $now && $now != "$1" ]]
}

# The certificate for showing to PostgreSQL comes from an authority of its own. A database node of the release before does not know
# it, and might lead by the time that this proxy shows it.
change_authority() {
  [[ -n ${comes_last:-} ]] || return 0
  wait_for 600 "every database node to take this proxy's new certificate" databases_take_new_certificate
  install_client_certificate
  each_pooler renew_connections RELOAD
}
databases_take_new_certificate() {
  local host said
  for host in ${DATABASE_HOSTS//,/ }; do
    said=$(psql -XAtqc '' "host=$host user=pgbouncer dbname=postgres connect_timeout=2 sslmode=verify-full \
      sslrootcert=/etc/pgha/tls/ca.crt sslcert=$stage$client_certificate sslkey=$stage/etc/pgha/tls/node.key" 2>&1) && continue
    # One that is away, or starts, comes with its new files.
    [[ $said != *"unknown ca"* && $said != *pg_hba.conf* ]] || return
  done
}

# A restart cuts the sessions through HAProxy. PgBouncer's clients wait meanwhile, between two transactions, and notice nothing.
restart_haproxy() {
  if pause_pools; then
    systemctl restart haproxy
    soon 10 haproxy_sees_leader
  else
    say "HAProxy runs on without its new limits: transactions through PgBouncer take longer than 5 s. \`pgha status\` says how to end that"
  fi
  each_pooler resume_pool
  paused=
}

# A restart of the gate ends a pause, so it keeps out of other nodes' turns.
converge_gate() {
  if switched_off pgha-gate; then return; fi
  if systemctl is-active --quiet pgha-gate; then
    if must restart pgha-gate; then
      in_turn restart_gate
    elif must reload pgha-gate; then
      systemctl reload pgha-gate
    fi
  fi
  start_service pgha-gate
}
restart_gate() { systemctl restart pgha-gate; }
