# shellcheck shell=bash
# Brings one node to what its stack's settings say, and waits until it works. Runs as root, any number of times.
# Rendered before this part: NODE, CLUSTER, ADDRESS, JOURNAL, reactions, ... ; after it: the role's part, then `converge`.
set -euo pipefail
umask 077

stage=$(mktemp -d /run/pgha-stage.XXXXXX)
lock_holders=()
leave() {
  # Whatever ended this without a word of its own.
  (($? == 0)) || [[ -n ${told:-} ]] || printf '%s: ended at: %s\n' "$NODE" "$BASH_COMMAND" >&2
  rm -rf "$stage"
  [[ -z ${lock_holders[*]} ]] || kill "${lock_holders[@]}" 2>/dev/null
}
trap leave EXIT
declare -A owner mode changed

say() { printf '%s: %s\n' "$NODE" "$*"; }
fail() {
  told=1
  printf '%s: %s\n' "$NODE" "$*" >&2
  exit 1
}

# supersede FILE: a step whose Pulumi was killed goes on by itself, and would go on against this one. It is ended; what it has begun, as the
# restart of a daemon, is waited for. FILE has the process id of whoever runs, and is locked by it and by what it has started.
supersede() {
  exec {running}>>"$1"
  if ! flock -n "$running"; then
    kill "$(cat "$1")" 2>/dev/null || true
    flock -w 120 "$running" || fail "an earlier converge step of this node does not end; \`ps -ef | grep pgha\` on it shows what it waits for"
    say "an earlier converge step that was broken off is ended"
  fi
  echo $$ >"$1"
}

# stage_file PATH OWNER MODE < CONTENT: sets a file aside; nothing is changed yet.
stage_file() {
  owner[$1]=$2
  mode[$1]=$3
  mkdir -p "$stage$(dirname "$1")"
  cat >"$stage$1"
}

# Files arrive on standard input, each after a line of its own: PATH OWNER MODE SIZE, in bytes. So does the checksum of all that this step
# is given: SUM CHECKSUM.
stage_files() {
  local path own mod size
  # A pipe would be read byte by byte.
  cat >"$stage/.input"
  while read -r path own mod size; do
    if [[ $path == SUM ]]; then given=$own; continue; fi
    head -c "$size" >"$stage/.file"
    stage_file "$path" "$own" "$mod" <"$stage/.file"
  done <"$stage/.input"
  rm -f "$stage/.input" "$stage/.file"
}

# What is kept from step to step: `converged`, which drift.sh writes and reads, and `unfinished`, the paths of what a step has changed
# that did not come to its end. What they ask for has perhaps not been done.
kept=/var/lib/pgha

# Finds out which of the files differ from what is installed, in content, owner or mode.
find_changes() {
  local path
  while read -r path; do
    # A line may be empty: an earlier release left one where no file had changed, and bash knows no empty key.
    if [[ -n $path && -n ${owner[$path]:-} ]]; then changed[$path]=1; fi
  done < <(cat $kept/unfinished 2>/dev/null)
  for path in "${!owner[@]}"; do
    if ! cmp -s "$stage$path" "$path" || [[ $(stat -c '%U:%G %04a' "$path") != "${owner[$path]} ${mode[$path]}" ]]; then
      changed[$path]=1
    fi
  done
}

# has_changed PATTERN...: does a changed file's path match one of the patterns?
has_changed() {
  local path pattern
  for path in "${!changed[@]}"; do
    for pattern in "$@"; do
      # shellcheck disable=SC2053 # a pattern is meant
      [[ $path == $pattern ]] && return 0
    done
  done
  return 1
}

# must DEED UNIT: does what has changed ask for it? What asks for what is rendered before this part, a line a reaction: deed, unit and
# the paths of files. A unit's own files are looked at by their times, too.
must() {
  local line words
  if [[ $1 == restart ]] && outdated "$2"; then return 0; fi
  for line in "${reactions[@]}"; do
    read -r -a words <<<"$line"
    if [[ "${words[0]} ${words[1]}" == "$1 $2" ]] && has_changed "${words[@]:2}"; then return 0; fi
  done
  return 1
}

# A copy of the staged files in which every path leads to the staged copy: what a daemon's own checker is given.
stage_for_check() {
  local path copy=$stage/.check expression=()
  mkdir -p "$copy"
  for path in "${!owner[@]}"; do expression+=(-e "s#$path#$copy$path#g"); done
  for path in "${!owner[@]}"; do
    mkdir -p "$copy$(dirname "$path")"
    sed "${expression[@]}" "$stage$path" >"$copy$path"
  done
  printf '%s' "$copy"
}

# Puts every changed file in its place, each in one step, and has systemd read what it is to know of them.
install_files() {
  local path
  begin_changes
  for path in "${!changed[@]}"; do
    if [[ $path == "$client_certificate" ]] && shows_it_to_clients; then comes_last=1; else install_file "$path"; fi
  done
  if has_changed '/etc/systemd/*'; then
    # First the links: once one is made after a reload, systemd warns at every start. A unit of a package has a drop-in only.
    for path in "${!changed[@]}"; do
      if [[ $path =~ ^/etc/systemd/system/([^/]+\.service) ]]; then enable_service "${BASH_REMATCH[1]}"; fi
    done
    systemctl daemon-reload
  fi
}

begin_changes() {
  local path
  install -d -m 0700 $kept
  keep_before
  for path in "${!changed[@]}"; do printf '%s\n' "$path"; done >$kept/unfinished.new
  sync $kept/unfinished.new
  mv $kept/unfinished.new $kept/unfinished
  rm -f $kept/converged
}
# The end of the step: from now on `drift.sh` knows how the node should be.
end_changes() {
  printf '%s\n' "${!owner[@]}" | /usr/local/lib/pgha/drift.sh note "$given"
  rm -rf "$before" $kept/unfinished
}

install_file() {
  install -d -m 0755 "$(dirname "$1")"
  install -o "${owner[$1]%:*}" -g "${owner[$1]#*:}" -m "${mode[$1]}" "$stage$1" "$1.pgha-new"
  sync "$1.pgha-new"
  mv "$1.pgha-new" "$1"
}

# In the release before the one certificate of a node was for both purposes. It stays until no daemon shows it to clients any more:
# then comes the one that is for showing to servers only. Whoever does that reads it at every connection.
client_certificate=/etc/pgha/tls/node.crt
shows_it_to_clients() {
  [[ $(openssl x509 -noout -purpose -in "$client_certificate" 2>/dev/null) == *"SSL server : Yes"* ]]
}
install_client_certificate() { [[ -z ${comes_last:-} ]] || install_file "$client_certificate"; }

# Who may connect to what, before the daemons run. Nobody's connection is cut: only first packets are looked at.
load_firewall() {
  if must restart pgha-firewall || ! nft list table inet pgha >/dev/null 2>&1; then
    enable_service pgha-firewall.service
    systemctl restart pgha-firewall || fail "the packet filter could not be loaded: $(nft -c -f /etc/pgha/firewall.nft 2>&1 | head -n 3)"
  fi
}

# The SSH server's limits. Debian 12's does not know of penalties, so it has none to take away.
reload_sshd() {
  local limits=/etc/ssh/sshd_config.d/20-pgha-limits.conf
  must reload ssh || return 0
  sshd -T -o PerSourcePenalties=no >/dev/null 2>&1 || sed -i '/^PerSourcePenalties/d' "$limits"
  if sshd -t; then systemctl reload ssh; else
    rm "$limits"
    fail "sshd refuses its limits, and goes on with those it had"
  fi
}

# Daemons that somebody has stopped by a signal go on: systemd has them for running, they take connections and answer nobody, and
# whatever asks them waits for ever.
thaw() {
  local unit
  for unit in $(ps -eo unit=,stat= | awk '$2 ~ /^T/ && sub(/\.service$/, "", $1) {print $1}' | sort -u); do
    # One of a proxy's several PgBouncers stands for all in `reactions`. Not what somebody has stopped in a session of his own, which is
    # among ssh's.
    if [[ $unit == pgbouncer* || ($unit != ssh && " ${reactions[*]} " == *" $unit "*) ]]; then
      systemctl kill --signal=CONT "$unit"
      say "$unit was stopped by a signal, and goes on"
    fi
  done
}

# Puts the files in place and has the machine itself, beside the role's daemons, follow them.
install_machine() {
  install_files
  load_firewall
  reload_sshd
}

# As fail, where the daemons know more.
give_up() { fail "$*. Its journal: journalctl $JOURNAL -n 50"; }

# wait_for SECONDS WHAT COMMAND...: runs the command until it succeeds; fails, saying what was awaited, after the deadline.
wait_for() {
  local seconds=$1 what=$2 deadline
  shift 2
  deadline=$((SECONDS + seconds))
  until "$@"; do
    ((SECONDS < deadline)) || give_up "waited $seconds s for: $what"
    sleep 0.2
  done
}

# soon SECONDS COMMAND...: gives the command some time to succeed, and goes on anyway.
soon() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@" || ((SECONDS >= deadline)); do sleep 0.2; done
}

# First boot: cloud-init makes users and kernel settings; nothing is sure before it has finished.
boot_finished() { [[ -e /run/cloud-init/result.json ]] || ! command -v cloud-init >/dev/null; }

# Where units are.
units=/etc/systemd/system

# Without the reload that `enable` does by itself, and leaving alone the old init scripts that haproxy and pgbouncer still have:
# with them each `enable` costs PID 1 three reloads, 0.23 s of CPU.
enable_service() { SYSTEMCTL_SKIP_SYSV=1 systemctl enable --quiet --no-reload "$1"; }

# The machine's answer to "is it running": started now or long ago, enabled for the next boot.
start_service() {
  enable_service "$1"
  systemctl start "$1"
}

# The same for one that waits for other machines before it has started.
begin_service() {
  enable_service "$1"
  systemctl start --no-block "$1"
}

# switched_off UNIT: is the service not among this node's files, because the settings have it off? Then it is taken away.
switched_off() {
  local file=$units/$1.service
  [[ -z ${owner[$file]:-} ]] || return
  [[ -e $file ]] || return 0
  systemctl disable --quiet --now "$1"
  rm "$file"
  systemctl daemon-reload
  say "$1 is off"
}

# make_user NAME: a daemon's own user, on machines whose image is older than it (install.sh).
make_user() {
  id "$1" >/dev/null 2>&1 || useradd --system --user-group --home-dir / --shell /usr/sbin/nologin "$1"
}

# outdated SERVICE: does it run as its unit said before a change? Its limits are those of its start. The change may be that of an
# earlier run, which was broken off.
outdated() {
  local started path
  systemctl is-active --quiet "$1" || return
  has_changed "$units/$1.service*" && return
  started=$(systemctl show --timestamp=unix -P ExecMainStartTimestamp "$1")
  for path in "$units/$1.service" "$units/$1.service.d/pgha.conf"; do
    [[ -e $path ]] && (($(stat -c %Y "$path") > ${started#@})) && return
  done
  return 1
}

etcd_ctl() {
  etcdctl --endpoints "$ETCD_ENDPOINTS" --cacert /etc/pgha/tls/ca.crt --cert /etc/pgha/tls/node.crt \
    --key /etc/pgha/tls/node.key --dial-timeout 2s --command-timeout "${ETCD_TIMEOUT:-5s}" "$@"
}

# in_turn FUNCTION: runs it while no other node of the cluster runs one.
in_turn() {
  local line='' said='' turn deadline=$((SECONDS + 900))
  exec {turn}< <("${turn_lock[@]}" 2>&1)
  lock_holders+=($!)
  # It prints the name of the lock it holds, and before that whatever it has to complain about.
  until [[ $line == /pgha/* ]]; do
    read -r -t $((deadline - SECONDS)) line <&"$turn" || fail "did not get its turn: ${said:-others took 900 s}"
    said=$line
  done
  "$1"
  let_go "$turn"
}
# Ends the holder that was started last, whose output this is.
let_go() {
  local output=$1 holder=${lock_holders[-1]}
  unset 'lock_holders[-1]'
  kill "$holder" 2>/dev/null || true
  wait "$holder" || true
  exec {output}<&-
}

# The turn is an etcd lock, whose lease ends with its holder: a node that dies in its turn does not block the others. The holder
# dies with this script, however that ends.
turn_lock=(hold_etcd_lock)
hold_etcd_lock() {
  exec setpriv --pdeathsig TERM etcdctl --endpoints "$ETCD_ENDPOINTS" --cacert /etc/pgha/tls/ca.crt \
    --cert /etc/pgha/tls/node.crt --key /etc/pgha/tls/node.key lock --ttl 15 "/pgha/$CLUSTER/turn"
}

# hold_leader_lock ROLE: waits for the lock that the proxies take turns by, says so, and holds it until it is killed. It is
# PostgreSQL's, on whoever leads, for proxies may not speak to etcd; with a leader it is lost, and taken again from the next one.
# The session ends when this script does (kill -0), and at once when its holder is killed.
hold_leader_lock() {
  while kill -0 $$; do
    setpriv --pdeathsig TERM psql -XAtq -v ON_ERROR_STOP=1 "host=$DATABASE_HOSTS user=$1 dbname=postgres \
      target_session_attrs=read-write connect_timeout=2 sslmode=verify-full sslrootcert=/etc/pgha/tls/ca.crt \
      sslcert=/etc/pgha/tls/node.crt sslkey=$stage/etc/pgha/tls/node.key" < <(
      echo "SELECT '/pgha/turn' FROM pg_advisory_lock(hashtext('pgha turn'));"
      while kill -0 $$ && echo; do sleep 1; done
    ) || true
    sleep 0.5
  done
}
