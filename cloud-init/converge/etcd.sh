# shellcheck shell=bash
# etcd: the first start joins or forms the cluster; a later change restarts one member at a time.

own_endpoint="https://$ADDRESS:2379"

member_healthy() { ETCD_ENDPOINTS=$own_endpoint etcd_ctl endpoint health >/dev/null 2>&1; }

# A member whose data is gone (its machine was made anew) cannot just come back under its old identity: the others would
# wait for entries it once had. It is removed and joins as a new one. Peers are asked one by one, since they answer without
# a quorum too. A member that has ever run has published its client URL; a founding member that has not is no loss.
join_existing_cluster() {
  local url="https://$ADDRESS:2380" list peers
  rm -f /etc/etcd/join.env
  [[ -d /var/lib/etcd/member ]] && return
  list=$(known_members) || return 0 # nobody knows a cluster: this is its beginning
  case $(jq -r --arg url "$url" 'map(select(.peerURLs[0] == $url)) | if . == [] then "absent" else .[0].clientURLs // [] | length end' <<<"$list") in
    0) return ;;
    absent) say "joins the cluster" ;;
    *)
      say "joins the cluster again, for its data was lost"
      wait_for 60 "a quorum of etcd that forgets the old member" remove_member "$url"
      ;;
  esac
  wait_for 60 "a quorum of etcd that takes a new member" add_member "$url"
  peers=$(etcd_ctl member list -w json | jq -r --arg url "$url" --arg self "$NODE" \
    '[.members[] | (if .peerURLs[0] == $url then $self else .name end) + "=" + .peerURLs[0]] | join(",")')
  printf 'ETCD_INITIAL_CLUSTER_STATE=existing\nETCD_INITIAL_CLUSTER=%s\n' "$peers" >/etc/etcd/join.env
  chmod 0644 /etc/etcd/join.env
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
