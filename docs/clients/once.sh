#!/usr/bin/env bash
# Runs a file of SQL in one transaction, exactly once, however often a failover makes it try: for cron jobs.
#
#   PGSERVICE=app once.sh ID FILE.sql
#
# ID names the work and is the same for every try, by whoever: a day, an invoice's number, the output of `uuidgen` kept in a
# variable. The table `requests` (requests.sql) remembers it. FILE holds no BEGIN and no COMMIT. PATIENCE: how long to try,
# seconds; 60 unless set. Exit code: 0 done, now or before; else psql's own.
set -euo pipefail
id=${1:?usage: once.sh ID FILE.sql}
file=${2:?usage: once.sh ID FILE.sql}

said=$(mktemp)
trap 'rm -f "$said"' EXIT

# An update, where DO NOTHING would do for the count: the row that it finds may not be on a standby yet, and only a commit that
# has written something waits until it, and all before it, is.
try() {
  psql -XAtq -v ON_ERROR_STOP=1 -v VERBOSITY=verbose -v id="$id" -v file="$file" 2>"$said" <<'SQL'
BEGIN;
INSERT INTO requests (id) VALUES (:'id')
  ON CONFLICT (id) DO UPDATE SET tries = requests.tries + 1 RETURNING tries = 1 AS first \gset
\if :first
  \i :file
\endif
COMMIT;
SQL
}

# Worth another try: psql's exit code 2, no connection or a lost one; or 3, an error, with one of these SQLSTATEs.
passes() {
  [ "$1" = 2 ] || { [ "$1" = 3 ] && grep -Eq '(ERROR|FATAL):  (08...|25006|40001|40P01|40003|53300|57P0[1235]):' "$said"; }
}

end=$((SECONDS + ${PATIENCE:-60}))
pause=1
until try; do
  code=$?
  if ! passes "$code" || ((SECONDS >= end)); then
    cat "$said" >&2
    exit "$code"
  fi
  sleep "0.$pause"
  pause=$((pause < 5 ? 2 * pause : 9))
done
