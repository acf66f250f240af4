#!/bin/bash
# In what this node differs from what its last converge step left. Rendered before this part: UNITS, and on a database node PATRONI
# and SUPERUSER_OPTIONS.
#
#   drift.sh               prints `converged SUM`, the checksum of what that step was given (`none`: it did not end), then a line for each
#                          difference, fit to be read by people
#   drift.sh note SUM      notes that the step ended; standard input has the paths of its files, a line each
set -uo pipefail
export LC_ALL=C

noted=/var/lib/pgha/converged
tls=/etc/pgha/tls

# Two lines a file: what it holds, and who may do what with it.
describe() {
  {
    sha256sum -- "$@"
    stat -c '%U:%G=%04a  %n' -- "$@"
  } 2>/dev/null | sort
}

note() {
  local paths
  mapfile -t paths
  install -d -m 0700 "${noted%/*}"
  { echo "converged $1" && describe "${paths[@]}"; } >"$noted.new"
  mv "$noted.new" "$noted"
}

files() {
  local paths path
  mapfile -t paths < <(tail -n +2 "$noted" | awk '{ print $2 }' | sort -u)
  comm -23 <(tail -n +2 "$noted") <(describe "${paths[@]}") | awk '{ print $2 }' | sort -u |
    while read -r path; do
      if [[ -e $path ]]; then echo "$path has been changed"; else echo "$path is missing"; fi
    done
}

units() {
  local unit state
  for unit in $UNITS; do
    state=$(systemctl is-active "$unit")
    [[ $state == active ]] || echo "$unit does not run ($state)"
  done
  # systemd has them for running.
  ps -eo unit=,stat= | awk -v units=" $UNITS " '$2 ~ /^T/ && sub(/\.service$/, "", $1) && index(units, " " $1 " ") {
    print $1 " is stopped by a signal" }' | sort -u
  nft list table inet pgha >/dev/null 2>&1 || echo "the packet filter is not loaded"
}

rest() { curl -fsS --max-time 2 --cacert $tls/ca.crt --cert $tls/node.crt --key $tls/node.key "$PATRONI$1" 2>/dev/null; }

# What has been changed by `patronictl edit-config`. Numbers and strings count as equal. Values are not said: they may be anything.
configuration() {
  local now
  now=$(rest /config) || return 0
  jq -r --slurpfile want /etc/patroni/dynamic.json '
    def flat: [paths(scalars) as $path | {key: ($path | map(tostring) | join(".")), value: (getpath($path) | tostring)}] | from_entries;
    flat as $has | ($want[0] | flat) as $should | $has + $should | keys[] | select($has[.] != $should[.])
    | "\(.) is not as the settings have it in the configuration of the cluster"' <<<"$now"
}

# What the database's owner may have taken away, or an older backup lacks.
rights() {
  local said
  said=$(PGOPTIONS=$SUPERUSER_OPTIONS runuser -u postgres -- psql -XAtq -v ON_ERROR_STOP=1 -d postgres -f /etc/patroni/rights.sql 2>&1) ||
    said="the database cannot be used: $(sed -n 's/.*FATAL: *//p;s/.*ERROR: *//p' <<<"$said" | head -n 1)"
  [[ -z $said ]] || printf '%s\n' "$said"
}

# A standby that was away for too long never follows again by itself.
replication() {
  jq -r 'select(.role == "replica" and .replication_state != "streaming") | "it does not stream from the leader"' <<<"$1"
}

# Patroni hears etcd once in `loop_wait`.
etcd() {
  local seen
  seen=$(jq '.dcs_last_seen // empty' <<<"$1") && (($(date +%s) - seen <= 60)) || echo "Patroni has not heard etcd for a minute or more"
}

if [[ ${1:-} == note ]]; then
  note "$2"
  exit
fi
head -n 1 "$noted" 2>/dev/null || echo "converged none"
[[ ! -e $noted ]] || files
units
if [[ -n ${PATRONI:-} ]] && own=$(rest /patroni); then
  etcd "$own"
  replication "$own"
fi
# Of what all database nodes share the leader tells.
if [[ -n ${PATRONI:-} ]] && rest /primary >/dev/null; then
  configuration
  rights
fi
