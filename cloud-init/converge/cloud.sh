# shellcheck shell=bash
# What a cloud machine needs before it converges: a dev image has all the software in it.

installer=/usr/local/lib/pgha/install.sh
installed=/usr/local/lib/pgha/installed

# The first boot installs the software. What it could not, for a mirror was away, is done now.
finish_installation() {
  [[ -e $installed ]] && return
  say "installs what the first boot could not"
  "$installer" "$ROLE" >"$stage/.install" 2>&1 || fail "its software cannot be installed: $(tail -n 5 "$stage/.install")"
  touch "$installed"
}
