#!/bin/bash
# Starts the Incus daemon where systemd does not run (containers, CI); called as root by the set-up. It outlives its caller.
set -euo pipefail

# PATH of the daemon and where its helpers are, as the package's own unit has it.
if [ -r /etc/default/incus ]; then
  set -a
  # shellcheck disable=SC1091
  . /etc/default/incus
  set +a
fi
for daemon in /usr/libexec/incus/incusd /opt/incus/bin/incusd /usr/lib/incus/incusd; do
  [ -x "$daemon" ] && break
done
[ -x "$daemon" ] || {
  echo "no incusd: is the package incus installed?" >&2
  exit 1
}

mkdir -p /var/log/incus
group=root
getent group incus-admin >/dev/null && group=incus-admin

# A mount namespace of its own, so that the plain cgroup2 tree that containers need is seen by nobody else.
# shellcheck disable=SC2016 # $0 and $1 are for the inner shell
exec setsid --fork unshare --mount bash -c '
  if [ "$(stat -f -c %T /sys/fs/cgroup)" != cgroup2fs ]; then
    umount -R /sys/fs/cgroup || true
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
  fi
  exec "$0" --group "$1" --logfile /var/log/incus/incus.log
' "$daemon" "$group" </dev/null >>/var/log/incus/daemon.log 2>&1
