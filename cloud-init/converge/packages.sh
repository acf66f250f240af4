# shellcheck shell=bash
# The Debian packages of the extensions that the settings name. They are on a node before PostgreSQL tries its parameters there, which may name
# their libraries, and on every node before a database is told to use them.

install_packages() {
  local missing server said
  missing=$(missing_packages)
  [[ -n $missing ]] || return 0
  server=$(dpkg-query --show --showformat='${Package}=${Version}' postgresql-17)
  say "installs $missing"
  if [[ -n ${was_active:-} ]]; then forget_own_stop; fi
  # The server itself is upgraded when its operators say so: with its version named, apt refuses what would need another.
  # shellcheck disable=SC2086 # names of packages
  if ! said=$({ apt_get update && apt_get install --no-install-recommends --no-upgrade "$server" $missing; } 2>&1); then
    stop_others
    fail "could not install $missing, nothing was changed. A machine that reaches no mirror of Debian must have them in its image; those of an earlier release do not (docs/databases.md). apt said: $(grep -v '^W:' <<<"$said" | tail -n 3)"
  fi
}
apt_get() {
  DEBIAN_FRONTEND=noninteractive timeout 900 apt-get --yes --quiet=2 -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=600 -o Acquire::Retries=3 "$@"
}
missing_packages() {
  local package missing=()
  for package in $PACKAGES; do
    [[ $(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
  done
  echo "${missing[*]}"
}
note_packages() { [[ -z $PACKAGES ]] || note packages "$PACKAGES"; }
all_have_packages() { [[ -z $PACKAGES ]] || noted_by_all packages "$PACKAGES"; }
