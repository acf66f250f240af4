#!/opt/patroni/bin/python
"""Starts a throw-away PostgreSQL with the parameters that this node is to get, and says why it does not start if it does not.

What no catalogue of parameters knows is found out here, on the machine itself and under the limits of Patroni's unit, before anything
is changed: whether there is such a library, or so much memory. Arguments: the folder with the new `patroni.yml` and `dynamic.json`, the
one with those in force, the new unit of Patroni, PostgreSQL's folder of programs, the folder in which its data is.
Exit code 0: it starts, or no parameter differs. 1: standard output has PostgreSQL's own words.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

START_LIMIT = 60.0
"""Seconds for the start. Data of an instance like this is empty."""
MOST_LINES = 6
SOCKETS = "/var/run/postgresql"
UNIT_FILE = Path("/run/systemd/system/pgha-trial.service")

NO_LIMITS = ("Type", "User", "Group", "Exec", "Restart", "Runtime", "Syslog", "Kill", "Timeout", "OOM")
"""How keys of the unit begin that say something else than what PostgreSQL may do."""


def parameters(folder: Path) -> dict[str, str]:
    """What PostgreSQL goes by, as Patroni puts it together: the node's own file wins over the configuration in etcd."""
    merged: dict[str, Any] = {}
    for name in ("dynamic.json", "patroni.yml"):
        given = yaml.safe_load((folder / name).read_text())["postgresql"]["parameters"]
        merged |= {key.lower(): value for key, value in given.items()}
    return {name: text(value) for name, value in merged.items()}


def in_force(folder: Path) -> dict[str, str] | None:
    try:
        return parameters(folder)
    except (OSError, yaml.YAMLError, LookupError, TypeError, AttributeError):
        return None  # edited by hand


def text(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value)


def configuration(given: dict[str, str]) -> str:
    """Lines of postgresql.conf."""
    quoted = {name: value.replace("\\", "\\\\").replace("'", "''") for name, value in given.items()}
    return "".join(f"{name} = '{value}'\n" for name, value in sorted(quoted.items()))


def trial_unit(patroni: str, folder: Path, programs: Path) -> str:
    """A unit with the rights and limits that Patroni's gives to PostgreSQL."""
    service = patroni.split("[Service]\n", 1)[1].split("\n[", 1)[0]
    lines = [line for line in service.splitlines() if "=" in line and not line.startswith(NO_LIMITS)]
    own = [
        *("User=postgres", "Group=postgres", f"StandardOutput=file:{folder}/log", "StandardError=inherit"),
        f"ExecStart={programs}/postgres -D {folder}/data",
    ]
    return "\n".join(["[Unit]", "CollectMode=inactive-or-failed", "[Service]", *own, *lines, ""])


def overrides(trial: Path, pages: int) -> dict[str, str]:
    """What must not be as it will be: nobody else may reach or notice this instance."""
    return {
        "listen_addresses": "",
        "unix_socket_directories": str(trial),
        "hba_file": str(trial / "data/pg_hba.conf"),
        "ident_file": str(trial / "data/pg_ident.conf"),
        "external_pid_file": "",
        "archive_command": "",
        "archive_library": "",
        "logging_collector": "off",
        "log_destination": "stderr",
        "log_min_messages": "warning",
        "cluster_name": "pgha-trial",
        "fsync": "off",
        "shared_buffers": str(pages),
    }


def with_staged(given: dict[str, str], stage: Path, folder: Path) -> dict[str, str]:
    """Files that come with the same step, as certificates, are not in their places yet: copies of them stand in."""
    changed = dict(given)
    for name, value in given.items():
        staged = stage / value.lstrip("/")
        if value.startswith("/") and staged.is_file():
            copy = folder / name
            shutil.copyfile(staged, copy)
            shutil.chown(copy, "postgres", "postgres")
            changed[name] = str(copy)
    return changed


def pages_to_try(new: int, now: int, huge_wanted: bool, huge_now: bool) -> int:
    """Shared buffers of the trial, in pages: what the instance that runs gives free when it ends is there for the new one."""
    if huge_wanted and not huge_now:
        return new
    return max(16, new - now)


def complaints(said: str) -> list[str]:
    """Of what PostgreSQL wrote the lines that say why, without what comes before its own words."""
    lines = [line.split("] ", 1)[-1].strip() for line in said.splitlines()]
    marks = ("FATAL:", "PANIC:", "ERROR:", "DETAIL:", "HINT:", "LOG:  invalid", "LOG:  unrecognized", "LOG:  parameter")
    found = [line[index:] for line in lines for mark in marks if (index := line.find(mark)) >= 0]
    return list(dict.fromkeys(found))[:MOST_LINES] or lines[-MOST_LINES:]


def as_postgres(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(("runuser", "-u", "postgres", "--", *command), capture_output=True, text=True, cwd="/")


def asked(sockets: str, sql: str) -> subprocess.CompletedProcess[str]:
    return as_postgres("psql", "-XAtq", "-h", sockets, "-d", "postgres", "-c", sql)


class Trial:
    """An instance in a folder of its own."""

    def __init__(self, folder: Path, programs: Path, unit: str) -> None:
        self.folder = folder
        self.programs = programs
        self.unit = unit

    def prepare(self, given: dict[str, str]) -> list[str]:
        """Makes its data. Returns what PostgreSQL says against the parameters."""
        data = str(self.folder / "data")
        shutil.chown(self.folder, "postgres", "postgres")
        made = as_postgres(
            *(str(self.programs / "initdb"), "-D", data, "--no-sync", "--no-instructions", "--auth=trust"),
            *("--encoding=UTF8", "--locale=C.UTF-8"),
        )
        if made.returncode != 0:
            return ["initdb: " + line for line in made.stderr.strip().splitlines()[-MOST_LINES:]]
        file = self.folder / "data/postgresql.conf"
        file.write_text(configuration(given))
        shutil.chown(file, "postgres", "postgres")
        checked = self.value("shared_buffers")
        return [] if checked.returncode == 0 else complaints(checked.stderr)

    def value(self, name: str) -> subprocess.CompletedProcess[str]:
        return as_postgres(str(self.programs / "postgres"), "-D", str(self.folder / "data"), "-C", name)

    def pages(self) -> int:
        running = asked(SOCKETS, "SELECT setting FROM pg_settings WHERE name IN ('shared_buffers', 'huge_pages_status') ORDER BY name")
        huge_now, now = (running.stdout.split() + ["off", "0"])[:2] if running.returncode == 0 else ("off", "0")
        wanted = self.value("huge_pages").stdout.strip() == "on"
        return pages_to_try(int(self.value("shared_buffers").stdout), int(now), wanted, huge_now == "on")

    def start(self) -> list[str]:
        """Starts it, logs in, and ends it. Returns what speaks against it."""
        with (self.folder / "data/postgresql.conf").open("a") as file:
            file.write(configuration(overrides(self.folder, self.pages())))
        UNIT_FILE.write_text(trial_unit(self.unit, self.folder, self.programs))
        try:
            subprocess.run(("systemctl", "start", UNIT_FILE.name), check=True, capture_output=True, text=True)
            return self.judged()
        except subprocess.CalledProcessError as error:
            return complaints(error.stderr)
        finally:
            subprocess.run(("systemctl", "kill", "--signal=QUIT", UNIT_FILE.name), capture_output=True)
            subprocess.run(("systemctl", "stop", UNIT_FILE.name), capture_output=True)
            UNIT_FILE.unlink()

    def judged(self) -> list[str]:
        log = self.folder / "log"
        deadline = time.monotonic() + START_LIMIT
        while time.monotonic() < deadline:
            answer = asked(str(self.folder), "SELECT name || ': ' || error FROM pg_file_settings WHERE error IS NOT NULL")
            if answer.returncode == 0:
                return answer.stdout.splitlines()[:MOST_LINES]
            if subprocess.run(("systemctl", "is-active", "--quiet", UNIT_FILE.name)).returncode != 0:
                return complaints(log.read_text())
            # It runs, and turns whoever logs in away: a library of sessions is missing.
            if "FATAL" in answer.stderr and "starting up" not in answer.stderr:
                return complaints(answer.stderr)
            time.sleep(0.05)
        return [f"it did not let anybody in within {START_LIMIT:.0f} s", *complaints(log.read_text())]


def main() -> int:
    new, old, unit, programs, beside = (Path(argument) for argument in sys.argv[1:])
    given = parameters(new)
    if given == in_force(old):
        return 0
    # One that was broken off has left it.
    subprocess.run(("systemctl", "stop", UNIT_FILE.name), capture_output=True)
    for left in beside.glob("pgha-trial.*"):
        shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix="pgha-trial.", dir=beside))
    try:
        trial = Trial(folder, programs, unit.read_text())
        said = trial.prepare(with_staged(given, new.parent.parent, folder)) or trial.start()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    for line in said:
        print(line.replace(f"{folder}/data/", "").replace(f"{folder}/", ""))
    return 1 if said else 0


if __name__ == "__main__":
    os.umask(0o077)  # a copied key is nobody else's
    sys.exit(main())
