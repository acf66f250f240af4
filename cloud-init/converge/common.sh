# shellcheck shell=bash
# Brings one node to what its stack's settings say, and waits until it works. Runs as root, any number of times.
# Rendered before this part: NODE, ROLE, CLUSTER, ADDRESS, ... ; after it: the role's part, then the files, then `converge`.
set -euo pipefail
umask 077

stage=$(mktemp -d /run/pgha-stage.XXXXXX)
trap 'rm -rf "$stage"; [[ -z ${turn_holder:-} ]] || kill -INT "$turn_holder"' EXIT
declare -A owner mode changed

say() { printf '%s: %s\n' "$NODE" "$*"; }
fail() {
  printf '%s: %s\n' "$NODE" "$*" >&2
  exit 1
}

# stage_file PATH OWNER MODE < CONTENT: sets a file aside; nothing is changed yet.
stage_file() {
  owner[$1]=$2
  mode[$1]=$3
  mkdir -p "$stage$(dirname "$1")"
  cat >"$stage$1"
}

# Secrets arrive on standard input, one line each: PATH OWNER MODE BASE64.
stage_secrets() {
  local path own mod data
  while read -r path own mod data; do
    stage_file "$path" "$own" "$mod" < <(base64 -d <<<"$data")
  done
}

# Finds out which of the files differ from what is installed, in content, owner or mode.
find_changes() {
  local path
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
  for path in "${!changed[@]}"; do
    install -d -m 0755 "$(dirname "$path")"
    install -o "${owner[$path]%:*}" -g "${owner[$path]#*:}" -m "${mode[$path]}" "$stage$path" "$path.pgha-new"
    sync "$path.pgha-new"
    mv "$path.pgha-new" "$path"
  done
  if has_changed '/etc/systemd/*'; then
    # First the links: once one is made after a reload, systemd warns at every start. A unit of a package has a drop-in only.
    for path in "${!changed[@]}"; do
      if [[ $path =~ ^/etc/systemd/system/([^/]+\.service) ]]; then enable_service "${BASH_REMATCH[1]}"; fi
    done
    systemctl daemon-reload
  fi
}

# wait_for SECONDS WHAT COMMAND...: runs the command until it succeeds; fails, saying what was awaited, after the deadline.
wait_for() {
  local seconds=$1 what=$2 deadline
  shift 2
  deadline=$((SECONDS + seconds))
  until "$@"; do
    ((SECONDS < deadline)) || fail "waited $seconds s for: $what. Its journal: journalctl -u $ROLE -u patroni -n 50"
    sleep 0.2
  done
}

# First boot: cloud-init makes users and kernel settings; nothing is sure before it has finished.
boot_finished() { [[ -e /run/cloud-init/result.json ]] || ! command -v cloud-init >/dev/null; }

# Without the reload that `enable` does by itself, and leaving alone the old init scripts that haproxy and pgbouncer still have:
# with them each `enable` costs PID 1 three reloads, 0.23 s of CPU.
enable_service() { SYSTEMCTL_SKIP_SYSV=1 systemctl enable --quiet --no-reload "$1"; }

# The machine's answer to "is it running": started now or long ago, enabled for the next boot.
start_service() {
  enable_service "$1"
  systemctl start "$1"
}

etcd_ctl() {
  etcdctl --endpoints "$ETCD_ENDPOINTS" --cacert /etc/pgha/tls/ca.crt --cert /etc/pgha/tls/node.crt \
    --key /etc/pgha/tls/node.key --dial-timeout 2s --command-timeout "${ETCD_TIMEOUT:-5s}" "$@"
}

# in_turn FUNCTION: runs it while no other node of the cluster runs one. The turn is an etcd lock whose lease ends with its
# holder, so a node that dies in its turn does not block the others.
in_turn() {
  local line='' said='' turn deadline=$((SECONDS + 900))
  # The holder of the lock dies with this script, however that ends.
  exec {turn}< <(exec setpriv --pdeathsig INT etcdctl --endpoints "$ETCD_ENDPOINTS" --cacert /etc/pgha/tls/ca.crt \
    --cert /etc/pgha/tls/node.crt --key /etc/pgha/tls/node.key lock --ttl 15 "/pgha/$CLUSTER/turn" 2>&1)
  turn_holder=$!
  # It prints the key it holds, and before that whatever it has to complain about.
  until [[ $line == /pgha/* ]]; do
    read -r -t $((deadline - SECONDS)) line <&"$turn" || fail "did not get its turn: ${said:-others took 900 s}"
    said+="$line "
  done
  "$1"
  kill -INT "$turn_holder"
  wait "$turn_holder" || true
  turn_holder=
  exec {turn}<&-
}
