#!/bin/bash
# Builds the machine image of the dev stack: build.sh SUITE OUTPUT_DIR ETCD_DIR   (root; called by the set-up)
#
# OUTPUT_DIR gets metadata.tar and rootfs.tar, as `incus image import` wants them. mmdebstrap makes a Debian root from the
# Debian mirror this machine uses (else from Debian's own), cloud-init/install.sh puts the services in, and what is
# left is trimmed for a fast start. Nothing of this machine's apt, pip or CA configuration stays in the image.
# shellcheck disable=SC2016 # dollars in single quotes are for apt and mmdebstrap
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
installer=$(readlink -f "$here/../../cloud-init")

# apt settings that reaching a mirror from here may need: proxies, certificates, a mirror frozen in time.
apt_settings() {
  apt-config dump | grep -E '^Acquire::(https?::|ftp::|Check-|ForceIPv|Retries)' || true
}

# The Debian repositories this machine uses, told for another suite (sources.list lines); nothing on other distributions.
apt_sources() {
  local suite=$1
  apt-get indextargets --format '$(ORIGIN)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)' 'Identifier: Packages' |
    awk -F'|' -v suite="$suite" '
      $1 != "Debian" || $4 != "main" || suite ~ /^(sid|unstable)$/ && $3 ~ /-/ { next }
      $3 ~ /-security$/ { print "deb " $2 " " suite "-security main"; next }
      $3 ~ /-updates$/ { print "deb " $2 " " suite "-updates main"; next }
      $3 !~ /-/ { print "deb " $2 " " suite " main" }' | sort -u
}

# The CA bundle pip must trust here (a company's proxy has its own CA).
ca_bundle() {
  local file
  for file in "${PIP_CERT:-}" "${REQUESTS_CA_BUNDLE:-}" "${SSL_CERT_FILE:-}" /etc/ssl/certs/ca-certificates.crt; do
    [ -r "$file" ] && echo "$file" && return
  done
}

# Packages of extensions, with what they need, as the one mirror that a machine of the image has: it installs those that its settings name
# (cloud-init/converge/packages.sh), with or without a network. apt has verified them here.
store=/usr/local/share/pgha/packages
carry_extensions() {
  local root=$1 file
  mkdir -p "$root$store/partial"
  grep -v '^#' "$here/extensions" |
    xargs chroot "$root" apt-get --yes --quiet=2 --download-only -o Dir::Cache::archives=$store install
  rm -r "$root$store/partial" "$root$store/lock"
  cd "$root$store"
  for file in *.deb; do
    # A source of files has no way to write a colon.
    mv -n "$file" "${file/_*%3a/_}"
  done
  for file in *.deb; do
    dpkg-deb --field "$file"
    printf 'Filename: %s\nSize: %s\nSHA256: %s\n\n' "$file" "$(stat -c %s "$file")" "$(sha256sum "$file" | cut -d' ' -f1)"
  done >Packages
  cd - >/dev/null
}

# Inside mmdebstrap, when the packages are unpacked and configured: $1 is the new root.
customize() {
  local root=$1
  mkdir "$root/build"
  cp "$installer/install.sh" "$installer/patroni-requirements.txt" "$root/build/"
  cp -r "$PGHA_ETCD_DIR" "$root/build/etcd"
  cp "$(ca_bundle)" "$root/build/ca.pem"
  cat /etc/pip.conf "${XDG_CONFIG_HOME:-$HOME/.config}/pip/pip.conf" "${PIP_CONFIG_FILE:-/dev/null}" 2>/dev/null |
    grep -v '^ *cert *=' >"$root/build/pip.conf" || true
  env SSL_CERT_FILE=/build/ca.pem CURL_CA_BUNDLE=/build/ca.pem PIP_CERT=/build/ca.pem PIP_CONFIG_FILE=/build/pip.conf \
    PGHA_ETCD_DIR=/build/etcd chroot "$root" bash /build/install.sh etcd postgresql haproxy
  rm -r "$root/build"
  carry_extensions "$root"

  cp "$here/readonly-sys.service" "$root/etc/systemd/system/"
  cp "$here/cloud.cfg" "$root/etc/cloud/cloud.cfg"
  find "$root/etc/cloud/cloud.cfg.d" -type f -delete
  echo 'policy: enabled' >"$root/etc/cloud/ds-identify.cfg"
  chroot "$root" systemctl enable --quiet systemd-networkd.service readonly-sys.service
  chroot "$root" systemctl mask --quiet "${masked[@]}"
  chroot "$root" systemctl set-default --quiet multi-user.target
  mkdir -p "$root/etc/systemd/system-generators"
  local generator
  for generator in "${masked_generators[@]}"; do
    ln -s /dev/null "$root/etc/systemd/system-generators/$generator"
  done
  rm -f "$root"/etc/ssh/ssh_host_* "$root"/etc/apt/sources.list.d/* "$root/etc/apt/sources.list" \
    "$root/etc/resolv.conf" "$root/etc/hostname" "$root"/etc/network/interfaces
  echo "deb [trusted=yes] file:$store ./" >"$root/etc/apt/sources.list.d/pgha.list"
  rm -rf "$root"/etc/update-motd.d/* "$root"/var/lib/cloud/* "$root"/var/log/*.log "$root"/var/log/apt
  : >"$root/etc/machine-id"
  # "Everything is up to date": no unit with ConditionNeedsUpdate= runs on the first boot.
  touch "$root/etc/.updated" "$root/var/.updated"
}

# Nothing that a NATed container on a laptop needs; each costs start-up time, memory or a listener.
masked=(
  apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer
  man-db.timer logrotate.timer systemd-tmpfiles-clean.timer
  getty.target getty-static.service console-getty.service systemd-initctl.socket
  systemd-networkd-wait-online.service systemd-networkd-persistent-storage.service systemd-network-generator.service
  systemd-resolved.service systemd-timesyncd.service systemd-hostnamed.socket systemd-creds.socket systemd-sysext.socket
  systemd-modules-load.service systemd-binfmt.service systemd-firstboot.service systemd-pstore.service ldconfig.service
  systemd-update-utmp.service systemd-update-done.service kmod-static-nodes.service
  systemd-remount-fs.service modprobe@.service
  systemd-ask-password-console.path systemd-ask-password-wall.path
  sys-kernel-debug.mount sys-kernel-tracing.mount dev-hugepages.mount dev-mqueue.mount sys-kernel-config.mount sys-fs-fuse-connections.mount tmp.mount run-lock.mount
  cloud-init-hotplugd.socket nftables.service networking.service
)

# Generators run on every boot and on every daemon-reload; these have nothing to generate here.
masked_generators=(
  postgresql-generator systemd-cryptsetup-generator systemd-debug-generator systemd-getty-generator
  systemd-gpt-auto-generator systemd-hibernate-resume-generator systemd-integritysetup-generator
  systemd-fstab-generator systemd-rc-local-generator systemd-run-generator systemd-ssh-generator systemd-system-update-generator
  systemd-tpm2-generator systemd-veritysetup-generator
)

if [ "${1:-}" = --customize ]; then
  customize "$2"
  exit
fi

suite=$1 output=$2
export PGHA_ETCD_DIR=$3
mkdir -p "$output"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
apt_settings >"$work/apt.conf"
apt_sources "$suite" >"$work/sources.list"
mirrors=()
[ -s "$work/sources.list" ] && mirrors=("$work/sources.list")

mmdebstrap --quiet --mode=root --variant=apt --format=tar --aptopt="$work/apt.conf" \
  --aptopt='APT::Install-Recommends "false"' \
  --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
  --dpkgopt='path-exclude=/usr/share/locale/*' \
  --include=systemd,systemd-sysv,cloud-init,netcat-openbsd \
  --customize-hook="'$here/build.sh' --customize \"\$1\"" \
  --customize-hook='rm -f "$1/etc/apt/apt.conf.d/99mmdebstrap"' \
  "$suite" "$output/rootfs.tar" "${mirrors[@]}"

cp -r "$here/templates" "$work/metadata"
mkdir "$work/metadata/templates"
mv "$work"/metadata/*.tpl "$work/metadata/templates/"
sed -i "s/@DATE@/$(date +%s)/; s/@SUITE@/$suite/" "$work/metadata/metadata.yaml"
tar -C "$work/metadata" -cf "$output/metadata.tar" metadata.yaml templates
