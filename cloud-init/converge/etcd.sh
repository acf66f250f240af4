# shellcheck shell=bash
# etcd: members without data begin the cluster or join the running one, one at a time and as learners first; members that the settings
# know no more are removed; what must restart does so in turn. A majority that is lost for good: `carry_on`.

own_client="https://$ADDRESS:2379"
own_peer="https://$ADDRESS:2380"
etcd_data=/var/lib/etcd/member
# Seconds for what waits for other machines, which may still be booting.
others_patience=300

member_healthy() { ETCD_ENDPOINTS=$own_client etcd_ctl endpoint health >/dev/null 2>&1; }

# Peer URLs of the other members that there are by the settings.
other_peers() {
  local member
  for member in ${ETCD_MEMBERS//,/ }; do
    [[ ${member#*=} == "$own_peer" ]] || echo "${member#*=}"
  done
}

# members_by URL: the members that a machine knows, in JSON. It answers without a quorum, too. `[]`: it says itself that it has no data
# (empty_member.py). Members without a client URL have never run: they publish it once they have a quorum.
members_by() {
  curl -fsS --http1.1 --max-time 2 --cacert /etc/pgha/tls/ca.crt --cert /etc/pgha/tls/node.crt --key /etc/pgha/tls/node.key \
    "$1/members" 2>/dev/null
}
have_run() { jq -e 'any(.[]; .clientURLs // [] | length > 0)' <<<"$1" >/dev/null; }

# Learners refuse nearly everything, so `etcdctl` must know who votes. Asks the members one by one.
know_voters() {
  local url list voters
  for url in "$own_peer" $(other_peers); do
    if ! list=$(members_by "$url") || ! have_run "$list"; then continue; fi
    voters=$(jq -r '[.[] | select(.isLearner != true) | .clientURLs // [] | .[0] // empty] | join(",")' <<<"$list")
    # One that has no quorum may know an old list.
    ETCD_ENDPOINTS=$voters ETCD_TIMEOUT=2s etcd_ctl member list >/dev/null 2>&1 || continue
    ETCD_ENDPOINTS=$voters
    return
  done
  return 1
}

# The quorum's list, a member a line: id, started or not, name, peer URL, client URL, whether it is a learner.
# Nobody's answer is no empty list.
member_list() { etcd_ctl member list 2>/dev/null | grep .; }
own_entry() { member_list | awk -F', ' -v url="$own_peer" '$4 == url { print; found = 1 } END { exit !found }'; }

# quorum_without ID: would those that are left be enough, and well enough, to decide?
quorum_without() {
  local rest urls healthy
  rest=$(member_list | awk -F', ' -v id="$1" '$1 != id && $6 == "false"') || return
  urls=$(awk -F', ' '$5 != "" { print $5 }' <<<"$rest" | paste -sd,)
  healthy=$(ETCD_ENDPOINTS=$urls ETCD_TIMEOUT=2s etcd_ctl endpoint health -w json 2>/dev/null | jq 'map(select(.health)) | length') || true
  ((${healthy:-0} > $(wc -l <<<"$rest") / 2))
}

# remove_member LINE: takes a member out, as the list has it. Its leader hands over first, for elections take a second.
remove_member() {
  local id name client learner self
  IFS=, read -r id _ name _ client learner <<<"${1//, /,}"
  if [[ $learner == false ]]; then
    quorum_without "$id" || return
    if leads "$client"; then
      self=$(own_entry) && ETCD_ENDPOINTS=$client etcd_ctl move-leader "${self%%,*}" >/dev/null 2>&1 || return
    fi
  fi
  etcd_ctl member remove "$id" >/dev/null 2>&1 || return
  say "removed ${name:-$id} from etcd"
}
leads() {
  ETCD_ENDPOINTS=$1 ETCD_TIMEOUT=2s etcd_ctl endpoint status -w json 2>/dev/null |
    jq -e '.[0].Status | .leader != null and .leader == .header.member_id' >/dev/null
}

# Members that the settings know no more. Their machines go once all nodes are at their settings; members that stayed would vote on,
# and then be missed.
no_strangers() {
  local line
  line=$(stranger) || return
  [[ -n $line ]] || return 0
  in_turn remove_stranger
  return 1
}
# The first of them; fails when nobody knows.
stranger() {
  local list
  list=$(member_list) && awk -F', ' -v known=",$ETCD_MEMBERS," '!index(known, "=" $4 ",") { print; exit }' <<<"$list"
}
remove_stranger() {
  local line
  if know_voters && line=$(stranger) && [[ -n $line ]] && ! remove_member "$line"; then sleep 1; fi
}

# config_with FILE LINE...: what etcd reads for one start: its own file, and more. (It takes no flags beside a file.)
config_with() {
  {
    sed '/^initial-cluster\(-state\)\?:/d' /etc/etcd/etcd.yml
    printf '%s\n' "${@:2}"
  } >"$1"
  chown root:etcd "$1"
  chmod 0640 "$1"
}
# Ends a process of ours.
let_end() {
  kill "$1" 2>/dev/null || true
  wait "$1" || true
}

first_start() {
  config_with /etc/etcd/join.yml "$@"
  echo 'CONFIG=/etc/etcd/join.yml' >/etc/etcd/join.env
  let_end "$announcer"
  begin_service etcd
}

# A member without data. A cluster begins when no machine has any: one that is out of reach may have.
start_without_data() {
  systemctl stop etcd
  setpriv --pdeathsig TERM /usr/local/lib/pgha/empty_member.py "$ADDRESS" "${own_peer##*:}" &
  announcer=$!
  wait_for "$others_patience" "a quorum of etcd, or all other etcd machines to say that they have no data, either" place_found
  if [[ $place == begin ]]; then
    first_start "initial-cluster: $ETCD_MEMBERS" 'initial-cluster-state: new'
  else
    say "joins the running cluster"
    wait_for "$others_patience" "its turn to join, and a quorum that takes it" join_in_turn
  fi
}
place_found() {
  local url list silent='' found=''
  for url in $(other_peers); do
    if ! list=$(members_by "$url"); then
      silent=1
    elif have_run "$list"; then
      found=1
    fi
  done
  if [[ -n $found ]]; then
    place=running
    know_voters
  else
    place=begin
    [[ -z $silent ]]
  fi
}

# From before it is added until it votes nobody else changes members. One that was broken off finds its own entry, and goes on.
join_in_turn() {
  in_turn join
  [[ -n ${joined:-} ]]
}
join() {
  local entry
  know_voters || return 0
  # An entry with a client URL is of one whose data is gone. It cannot come back, for the others would wait for what it once had.
  if entry=$(own_entry) && [[ $entry != *', unstarted, '* ]]; then
    remove_member "$entry" || return 0
    entry=
  fi
  if [[ -z $entry ]]; then
    # Another's learner may be in the way: then that one comes first.
    etcd_ctl member add "$NODE" --learner --peer-urls "$own_peer" >/dev/null 2>&1 || return 0
  fi
  first_start "$(member_list | awk -F', ' -v url="$own_peer" -v self="$NODE" \
    '{ all = all (NR > 1 ? "," : "") ($4 == url ? self : $3 == "" ? $1 : $3) "=" $4 } END { print "initial-cluster: " all }')" 'initial-cluster-state: existing'
  become_voter
  joined=1
}

# Data may be large: what counts is that it keeps coming.
become_voter() {
  local size='' now deadline=$((SECONDS + 60))
  until votes; do
    now=$(du -sb "$etcd_data" 2>/dev/null) || true
    if [[ $now != "$size" ]]; then deadline=$((SECONDS + 60)) size=$now; fi
    ((SECONDS < deadline)) || give_up "this member of etcd got nothing new for 60 s and is still not in sync"
    sleep 0.2
  done
}
votes() {
  local entry
  entry=$(own_entry) || return
  [[ $entry == *', false' ]] || etcd_ctl member promote "${entry%%,*}" >/dev/null 2>&1
}
finish_joining() {
  know_voters || return 0
  become_voter
}

quorum_or_carry_on() {
  know_voters && return
  if majority_lost; then carry_on; fi
  return 1
}

# Is the majority gone for good? Only if every machine answers, by its certificate the one it should be; if so many of those who vote
# say that they have no data that the others are never again a majority; and if no other has a leader. A machine that is silent, or cut
# off, may have data, and makes everything uncertain. Of several survivors the one that knows most is the one.
majority_lost() {
  local url list own lost='' survivors=$own_client best
  own=$(members_by "$own_peer") && have_run "$own" || return
  for url in $(other_peers); do
    list=$(members_by "$url") || return
    if [[ $(jq length <<<"$list") == 0 ]]; then lost+="$url "; else survivors+=",${url%:*}:${own_client##*:}"; fi
  done
  jq -e --arg lost "$lost" '($lost | split(" ")) as $lost | map(select(.isLearner != true))
    | 2 * (map(select(.peerURLs[0] | IN($lost[]))) | length) >= length' <<<"$own" >/dev/null || return
  best=$(ETCD_ENDPOINTS=$survivors ETCD_TIMEOUT=2s etcd_ctl endpoint status -w json 2>/dev/null |
    jq -er --argjson count "$(tr ',' '\n' <<<"$survivors" | wc -l)" 'select(length == $count and all(.[]; (.Status.leader // 0) == 0))
      | sort_by(.Status.raftTerm, .Status.raftIndex, .Endpoint) | last.Endpoint') || return
  [[ $best == "$own_client" ]] || return
  say "etcd's majority is lost for good: $lost have no data"
}

# A survivor's data carries the cluster on: etcd runs once, under this script only, as told to forget all others, and then as ever. The
# others join it. A copy of the data is kept as it was.
carry_on() {
  local alone
  systemctl stop etcd
  rm -rf "$etcd_data.before"
  cp -a "$etcd_data" "$etcd_data.before"
  config_with /etc/etcd/alone.yml 'force-new-cluster: true'
  setpriv --reuid etcd --regid etcd --clear-groups --pdeathsig TERM etcd --config-file /etc/etcd/alone.yml >/dev/null 2>&1 &
  alone=$!
  wait_for 60 "etcd to go on with this member's data" member_healthy
  let_end "$alone"
  rm /etc/etcd/alone.yml
  systemctl start --no-block etcd
  wait_for 60 "etcd to be healthy alone" member_healthy
  say "this member's data carries the cluster on"
}

# The data of one that the quorum knows no more: of a survivor that was not the one, or of one that was away while it was removed.
forgotten() {
  local list
  list=$(member_list) && ! grep -qF ", $own_peer, " <<<"$list"
}
set_data_aside() {
  say "the cluster knows this member no more: its data is put aside, and it joins anew"
  systemctl stop etcd
  rm -rf "$etcd_data.before"
  mv "$etcd_data" "$etcd_data.before"
}

# One member after the other, and only while the others can do without this one.
restart_etcd() {
  local begun said
  unless_stopped wait_for 120 "the other members of etcd to be well before this one restarts" others_suffice
  begun=$(date +%s)
  systemctl restart etcd || true # whether it is back is looked at
  soon 60 member_healthy
  member_healthy && return
  said=$(journalctl -u etcd --since "@$begun" -o cat --no-pager | grep -E '"level":"(error|fatal|panic)"|^Error|panic:' | tail -n 2) || true
  stop_others
  put_back
  systemctl restart etcd
  wait_for 60 "etcd to be healthy with the settings it had" member_healthy
  fail "etcd did not come back with the new settings; it runs with those it had, and no other member was restarted. It said: ${said:-nothing}"
}
others_suffice() {
  local entry
  entry=$(own_entry) && quorum_without "${entry%%,*}"
}
# What others found out not to work is given up here: etcd reads its file at its start only.
leave_it() { put_back; }

# The release before wrote the first members into etcd's own file, where etcd passes them over once it has data. That this line goes is
# no reason for a restart. In its place is one that lets no member without data begin a cluster by itself.
forget_first_members() {
  sed -i 's/^initial-cluster: .*/initial-cluster-state: existing/' /etc/etcd/etcd.yml 2>/dev/null || true
}

converge_witness() {
  if switched_off pgha-witness; then return; fi
  if must restart pgha-witness; then systemctl restart pgha-witness; fi
  start_service pgha-witness
}

converge() {
  local was_active=''
  make_user pgha-witness
  forget_first_members
  find_changes
  if systemctl is-active --quiet etcd; then
    was_active=1
    forget_own_stop
  fi
  install_machine
  if [[ -n $was_active || -d $etcd_data ]]; then
    [[ -n $was_active ]] || begin_service etcd
    wait_for "$others_patience" "a quorum of etcd" quorum_or_carry_on
    if forgotten; then
      set_data_aside
      start_without_data
    else
      if own_entry | grep -q ', true$'; then in_turn finish_joining; fi
      # A new certificate of its own needs no restart: etcd reads key pairs at every handshake. Whom it trusts it reads once.
      if [[ -n $was_active ]] && must restart etcd; then in_turn restart_etcd; fi
    fi
  else
    install -d -o etcd -g etcd -m 0700 /var/lib/etcd
    start_without_data
  fi
  wait_for 120 "this member of etcd to be healthy" member_healthy
  install_client_certificate
  rm -f /etc/etcd/join.env /etc/etcd/join.yml
  wait_for "$others_patience" "a quorum of etcd without the members that are to go" no_strangers
  converge_witness
  say "etcd is healthy"
}
