# shellcheck shell=bash
# etcd: the first start joins or forms the cluster; a later change restarts one member at a time.

own_endpoint="https://$ADDRESS:2379"
witness_unit=/etc/systemd/system/pgha-witness.service

member_healthy() { ETCD_ENDPOINTS=$own_endpoint etcd_ctl endpoint health >/dev/null 2>&1; }

# A member without data starts by what the running cluster knows of it, if there is one: peers are asked one by one, since
# they answer without a quorum too. One that has lost its data (its machine was made anew) cannot come back under its old
# identity, for the others would wait for entries it once had: it is removed and joins as a new member. That it has run
# before shows by its client URL, which members publish when they start.
join_existing_cluster() {
  local url="https://$ADDRESS:2380" list
  [[ -d /var/lib/etcd/member ]] && return
  list=$(known_members) || return 0 # nobody knows a cluster: this is its beginning
  say "joins the running cluster"
  if jq -e --arg url "$url" 'any(.[]; .peerURLs[0] == $url and (.clientURLs // [] | length > 0))' <<<"$list" >/dev/null; then
    wait_for 60 "a quorum of etcd that forgets the old member" remove_member "$url"
  fi
  wait_for 60 "a quorum of etcd that takes the member" add_member "$url"
  # For its first start only: once it has data, etcd passes these lines over. (It takes no flags beside a file.)
  {
    sed -e '/^initial-cluster:/d' /etc/etcd/etcd.yml
    etcd_ctl member list -w json | jq -r --arg url "$url" --arg self "$NODE" \
      '[.members[] | (if .peerURLs[0] == $url then $self else .name end) + "=" + .peerURLs[0]] | "initial-cluster: " + join(",")'
    echo 'initial-cluster-state: existing'
  } >/etc/etcd/join.yml
  chown root:etcd /etc/etcd/join.yml
  chmod 0640 /etc/etcd/join.yml
  echo 'CONFIG=/etc/etcd/join.yml' >/etc/etcd/join.env
}

# The list of members, from the first peer that is part of a cluster that has run.
known_members() {
  local endpoint
  for endpoint in ${ETCD_ENDPOINTS//,/ }; do
    curl -fsS --http1.1 --max-time 2 --cacert /etc/pgha/tls/ca.crt --cert /etc/pgha/tls/node.crt --key /etc/pgha/tls/node.key \
      "${endpoint%:*}:2380/members" 2>/dev/null | jq -e 'select(any(.[]; .clientURLs // [] | length > 0))' && return
  done
  return 1
}

# Removing and adding may be tried again after an answer that was lost on the way.
remove_member() {
  local id
  id=$(etcd_ctl member list 2>/dev/null | awk -F', ' -v url="$1" '$4 == url {print $1}') || return
  [[ -z $id ]] || etcd_ctl member remove "$id" >/dev/null 2>&1
}
add_member() {
  etcd_ctl member list 2>/dev/null | grep -qF ", $1, " || etcd_ctl member add "$NODE" --peer-urls "$1" >/dev/null 2>&1
}

restart_etcd() {
  systemctl restart etcd
  wait_for 60 "etcd to be healthy again" member_healthy
}

# Witnesses are on or off by the settings: with the files of one staged it runs, else it is taken away.
converge_witness() {
  if [[ -e $stage$witness_unit ]]; then
    if has_changed "$witness_unit" '*/witness.*' '*/etcd_gateway.py' '/etc/pgha/tls/*'; then
      systemctl restart pgha-witness
    fi
    start_service pgha-witness
  elif [[ -e $witness_unit ]]; then
    systemctl disable --quiet --now pgha-witness
    rm -f "$witness_unit"
    systemctl daemon-reload
    say "the witness is off"
  fi
}

converge() {
  find_changes
  if ! systemctl is-active --quiet etcd; then
    install_files
    install -d -o etcd -g etcd -m 0700 /var/lib/etcd
    join_existing_cluster
    enable_service etcd
    systemctl start --no-block etcd
  elif has_changed '/etc/etcd/*' '*/etcd.service'; then
    # With its new certificate in place etcd needs no restart: it reads key pairs at every handshake.
    install_files
    in_turn restart_etcd
  else
    install_files
  fi
  wait_for 120 "a quorum of etcd" member_healthy
  rm -f /etc/etcd/join.env /etc/etcd/join.yml
  converge_witness
  say "etcd is healthy"
}
