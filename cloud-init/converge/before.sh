# shellcheck shell=bash
# What a node had before its step. It is put back when that does not work, and then no other node goes on.

before=$kept/before

# Keeps what is about to be changed. What a step that was broken off has kept is older, and did work: it stays.
keep_before() {
  local path
  install -d -m 0700 "$before" "$before/files"
  touch "$before/new"
  for path in "${!changed[@]}"; do
    if [[ -e $before/files$path ]] || grep -qxF "$path" "$before/new"; then continue; fi
    if [[ -e $path ]]; then
      mkdir -p "$before/files$(dirname "$path")"
      cp -a "$path" "$before/files$path"
    else
      echo "$path" >>"$before/new"
    fi
  done
  if [[ -e $kept/converged ]]; then cp "$kept/converged" "$before/converged"; fi
}

# The files alone: the daemons are the caller's.
put_back() {
  local path
  while read -r path; do
    cp -a "$before/files$path" "$path.pgha-new"
    mv "$path.pgha-new" "$path"
  done < <(find "$before/files" -type f -printf '/%P\n')
  while read -r path; do rm -f "$path"; done <"$before/new"
  systemctl daemon-reload
  if [[ -e $before/converged ]]; then mv "$before/converged" "$kept/converged"; fi
  rm -rf "$before" "$kept/unfinished"
}

# Says to the other nodes of the role, for a while, that what they are to take up does not work.
stop_others() {
  local lease
  if lease=$(etcd_ctl lease grant 120 | awk '{ print $2 }'); then
    etcd_ctl put --lease "$lease" "$stops/$NODE" '' >/dev/null || true
  fi
}
stops=/pgha/$CLUSTER/stopped
forget_own_stop() { etcd_ctl del "$stops/$NODE" >/dev/null 2>&1 || true; }

# The first node of the role that has said so; fails when none has.
stopped_by() { etcd_ctl get --prefix --keys-only "$stops/${NODE%%[0-9]*}" 2>/dev/null | sed "s#^$stops/##" | grep -m 1 . ; }

# unless_stopped COMMAND...: runs it, unless another node has said that it does not work: then what this one has taken up is put back,
# by the role's own `leave_it`.
unless_stopped() {
  local by
  if by=$(stopped_by); then
    leave_it
    fail "is left as it was: the new settings do not work on $by"
  fi
  "$@"
}
