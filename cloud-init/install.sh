#!/bin/bash
# Puts the software of one machine in place: install.sh ROLE...   (etcd, postgresql, haproxy; run as root)
#
# The one installer: the image build runs it in a chroot with every role, a cloud machine runs it on first boot with its
# own. It installs and starts nothing: daemons are left disabled for the converge step, which also writes their units.
# Running it again is harmless.
#
#   PGHA_ETCD_DIR      folder with ready etcd, etcdctl and etcdutl of the pinned version (default: the release archive)
#   PGHA_REQUIREMENTS  Patroni's pins (default: patroni-requirements.txt beside this script)
set -euo pipefail

ETCD_VERSION=3.6.14
# Of the release's linux-amd64 archive, as Kubespray lists it (etcd_binary_checksums.amd64). To change the version, take the
# sum from the release's own SHA256SUMS.
ETCD_SHA256=ffe840ff9295808e88cce2794a18a5ac87f12a5203c8314d0bf6aa119b41bac5
ETCD_URL=https://github.com/etcd-io/etcd/releases/download/v$ETCD_VERSION/etcd-v$ETCD_VERSION-linux-amd64.tar.gz

fail() {
  echo "install.sh: $*" >&2
  exit 1
}

# As a first boot needs it: Debian's own upgrade may hold the lock for minutes, and mirrors may be slow.
apt_get() {
  DEBIAN_FRONTEND=noninteractive apt-get --yes --quiet=2 -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=600 \
    -o Acquire::Retries=3 -o Acquire::http::Timeout=60 "$@"
}

installed() {
  local states
  states=$(dpkg-query --show --showformat='${db:Status-Status}\n' "$@" 2>/dev/null) && ! grep -qvx installed <<<"$states"
}

# With everything in place no mirror is asked.
apt_install() {
  local pause
  installed "$@" && return
  for pause in 0 5 15 30 60; do
    sleep "$pause"
    if [ -n "${updated:-}" ] || apt_get update; then
      updated=1
      apt_get install --no-install-recommends "$@" && return
    fi
    updated=
    dpkg --configure -a || true # what was cut short
  done
  fail "apt could not install $*: see above"
}

# Packages must not start their daemons: nothing here is configured yet.
deny_daemon_starts() {
  local policy=/usr/sbin/policy-rc.d
  # One of this script's own may be left of a run that was cut short.
  [ -e $policy ] && ! grep -qs pgha $policy && return
  printf '#!/bin/sh\n# pgha\nexit 101\n' >$policy
  chmod 755 $policy
  trap 'rm -f /usr/sbin/policy-rc.d' EXIT
}

install_base() {
  apt_install openssh-server sudo ca-certificates curl jq iproute2 nftables procps python3
  # What serves the cluster is upgraded node by node, when its operators say so; the rest as Debian sees fit.
  cat >/etc/apt/apt.conf.d/60pgha <<'CONF'
Unattended-Upgrade::Package-Blacklist { "^postgresql"; "^libpq5$"; "^haproxy$"; "^pgbouncer$"; };
Unattended-Upgrade::Automatic-Reboot "false";
CONF
  mkdir -p /etc/needrestart/conf.d
  cat >/etc/needrestart/conf.d/pgha.conf <<'CONF'
$nrconf{override_rc}{qr(^(etcd|patroni|postgresql|haproxy|pgbouncer|pgha-))} = 0;
CONF
  cat >/etc/ssh/sshd_config.d/10-pgha.conf <<'CONF'
# One host key, known before the machine is; keys only, never root.
HostKey /etc/ssh/ssh_host_ed25519_key
AuthenticationMethods publickey
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin no
X11Forwarding no
UseDNS no
PrintMotd no
# A Pulumi update opens many sessions on a machine at once.
MaxStartups 100
CONF
}

installed_etcd() {
  /usr/local/bin/etcd --version 2>/dev/null | sed -n 's/^etcd Version: //p'
}

make_user() {
  id "$1" >/dev/null 2>&1 || useradd --system --user-group --home-dir "$2" --shell /usr/sbin/nologin "$1"
}

# etcdctl goes on every machine: changes take turns through an etcd lock.
install_etcd() {
  make_user etcd /var/lib/etcd
  make_user pgha-witness /
  install -d -o etcd -g etcd -m 700 /var/lib/etcd
  [ "$(installed_etcd)" = "$ETCD_VERSION" ] && return
  local from=${PGHA_ETCD_DIR:-} temporary
  temporary=$(mktemp -d)
  if [ -z "$from" ]; then
    curl --fail --silent --show-error --location --proto '=https' --retry 5 --retry-all-errors --connect-timeout 20 \
      --output "$temporary/etcd.tar.gz" "$ETCD_URL" || fail "cannot download $ETCD_URL"
    echo "$ETCD_SHA256  $temporary/etcd.tar.gz" | sha256sum --check --quiet ||
      fail "the archive $ETCD_URL does not have the pinned SHA-256 sum; nothing of it was installed"
    tar -xzf "$temporary/etcd.tar.gz" -C "$temporary" --strip-components=1 --no-same-owner
    from=$temporary
  fi
  install -m 755 "$from/etcd" "$from/etcdctl" "$from/etcdutl" /usr/local/bin/
  rm -rf "$temporary"
  [ "$(installed_etcd)" = "$ETCD_VERSION" ] || fail "etcd $ETCD_VERSION was expected in $from, not $(installed_etcd)"
}

install_postgresql() {
  # postgresql-common first, so that the server's package does not make a cluster of its own: Patroni does.
  apt_install postgresql-common python3-venv e2fsprogs
  sed -i 's/^#\?create_main_cluster.*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf
  # The distribution's own major version: 15 on Debian 12, 17 on Debian 13.
  apt_install postgresql
  systemctl disable --quiet postgresql.service

  local requirements=${PGHA_REQUIREMENTS:-$(dirname "$(readlink -f "$0")")/patroni-requirements.txt}
  [ -r "$requirements" ] || fail "no $requirements: set PGHA_REQUIREMENTS to Patroni's pinned requirements"
  # Comments aside: user data, which has little room, comes without them.
  if ! diff --brief <(pins "$requirements") <(pins /opt/patroni/requirements.txt) >/dev/null 2>&1; then
    rm -rf /opt/patroni
    python3 -m venv /opt/patroni
    # setuptools builds the two packages that exist as source only; without isolation it is the pinned one.
    grep '^setuptools==' "$requirements" >/opt/patroni/build.txt
    pip_install /opt/patroni/build.txt
    pip_install "$requirements"
    rm /opt/patroni/build.txt
    install -m 644 "$requirements" /opt/patroni/requirements.txt
  fi
  ln -sf /opt/patroni/bin/patroni /opt/patroni/bin/patronictl /usr/local/bin/
  /usr/local/bin/patroni --version
  # A watchdog is wanted: the user that it is for is there only now.
  if [ -e /etc/modules-load.d/pgha.conf ]; then
    { udevadm control --reload && modprobe softdog && udevadm trigger --settle --sysname-match=watchdog; } ||
      echo "install.sh: this kernel has no softdog; Patroni will run without a watchdog" >&2
  fi
}

pins() { grep '^[a-z]' "$1"; }

pip_install() {
  /opt/patroni/bin/pip install --quiet --disable-pip-version-check --no-cache-dir --require-hashes --retries 10 \
    --no-build-isolation -r "$1" || fail "pip could not install Patroni's pinned requirements"
}

install_haproxy() {
  # psql and socat: for their admin consoles.
  apt_install haproxy pgbouncer postgresql-client socat
  systemctl disable --quiet haproxy.service pgbouncer.service
  make_user pgha-gate /
}

[ "$(id -u)" = 0 ] || fail "run as root"
[ $# -gt 0 ] || fail "name the roles of this machine: etcd, postgresql, haproxy"
for role in "$@"; do
  case $role in
    etcd | postgresql | haproxy) ;;
    *) fail "unknown role '$role': use etcd, postgresql or haproxy" ;;
  esac
done

deny_daemon_starts
install_base
install_etcd
for role in "$@"; do
  case $role in
    etcd) ;; # already there
    *) "install_$role" ;;
  esac
done
