# shellcheck shell=bash
# etcd: the first start joins or forms the cluster; a later change restarts one member at a time.

own_endpoint="https://$ADDRESS:2379"

member_healthy() { ETCD_ENDPOINTS=$own_endpoint etcd_ctl endpoint health >/dev/null 2>&1; }

# A member whose data is gone (its machine was made anew) cannot just come back under its old identity: the others would
# wait for entries it once had. It is removed and joins as a new one. A founding member that has never run is known by
# having no client URL in the list yet: members publish theirs when they start.
join_existing_cluster() {
  local url="https://$ADDRESS:2380" id peers
  rm -f /etc/etcd/join.env
  [[ -d /var/lib/etcd/member ]] && return
  members >"$stage/.members" || return 0 # no cluster answers: this is its beginning
  if grep -q "^[^ ]* $url - " "$stage/.members"; then return; fi
  id=$(awk -v url="$url" '$2 == url {print $1}' "$stage/.members")
  if [[ -n $id ]]; then
    say "joins the cluster again, for its data was lost"
    etcd_ctl member remove "$id" >/dev/null
  else
    say "joins the cluster"
  fi
  wait_for 60 "a quorum of etcd that takes a new member" add_member "$url"
  peers=$(members | awk -v self="$NODE" -v url="$url" '{print ($2 == url ? self : $4) "=" $2}' | paste -sd,)
  printf 'ETCD_INITIAL_CLUSTER_STATE=existing\nETCD_INITIAL_CLUSTER=%s\n' "$peers" >/etc/etcd/join.env
  chmod 0644 /etc/etcd/join.env
}
# One line for each member: ID, peer URL, client URL or -, name or -.
members() {
  etcd_ctl member list 2>/dev/null | awk -F', ' '{print $1, $4, ($5 == "" ? "-" : $5), ($3 == "" ? "-" : $3)}'
}
add_member() { etcd_ctl member add "$NODE" --peer-urls "$1" >/dev/null 2>&1; }

restart_etcd() {
  systemctl daemon-reload
  systemctl restart etcd
  wait_for 60 "etcd to be healthy again" member_healthy
}

converge() {
  find_changes
  if ! systemctl is-active --quiet etcd; then
    install_files
    install -d -o etcd -g etcd -m 0700 /var/lib/etcd
    join_existing_cluster
    systemctl daemon-reload
    systemctl enable --quiet etcd
    systemctl start --no-block etcd
  elif has_changed '/etc/etcd/*' '*/etcd.service'; then
    # With its new certificate in place etcd needs no restart: it reads key pairs at every handshake.
    install_files
    in_turn restart_etcd
  else
    install_files
  fi
  wait_for 120 "a quorum of etcd" member_healthy
  say "etcd is healthy"
}
