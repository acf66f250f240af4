#!/usr/bin/python3
"""Stands between PostgreSQL and the journal: what Patroni and PostgreSQL write goes through, but no secret.

PostgreSQL logs a statement as it was typed, when it is DDL and when it failed, and there may be a password in it. The journal
itself could drop such lines (`LogFilterPatterns`), but it does not when the process that wrote one has ended before it looks.
"""

import re
import sys

# How a line begins: cloud-init/services/patroni/files.ts, `log_line_prefix`.
PREFIX = rb"\[\d+\] \S+ \S+ "

# What every health check leaves: a connection that says nothing. Whoever goes on to log in is named in later lines.
NOISE = re.compile(PREFIX + rb"LOG:  connection received: ")

# PostgreSQL begins each further line of a message with a tab. A password may be lines away from the word that gives it away, so
# of a statement the first line is all that is kept. A deadlock's report tells whose statements were in each other's way.
FURTHER = re.compile(rb"\t(?!Process \d+(?:: | waits for ))")

# PostgreSQL's own words about passwords; they are no statements.
HARMLESS = re.compile(PREFIX + rb"(?:FATAL:  password authentication failed for |DETAIL:  (?:Password|User|Role) )")

# Behind these there may be a secret: the rest of the line goes. A role's statement is cut at its first literal, for the word
# before it may be misspelt.
CUTS = [
    re.compile(rb"password", re.I),
    re.compile(rb"\b(?:alter|create)\s+(?:role|user|group)\b[^'$]*(?=['$])", re.I),
]

# A password in a URL.
IN_URL = re.compile(rb"(://[^\s/@:]*:)[^\s@]+@")


def clean(line: bytes) -> bytes:
    """What the journal gets of a line, which may be nothing."""
    if NOISE.match(line) or FURTHER.match(line):
        return b""
    line = IN_URL.sub(rb"\1...@", line)
    if HARMLESS.match(line):
        return line
    ends = [found.end() for found in (cut.search(line) for cut in CUTS) if found]
    return line[: min(ends)] + b" ...\n" if ends else line


def main() -> None:
    """Ends when nobody is left who could write."""
    for line in sys.stdin.buffer:
        kept = clean(line)
        if kept:
            try:
                sys.stdout.buffer.write(kept)
                sys.stdout.buffer.flush()
            except OSError:
                pass  # without a journal the daemons go on


if __name__ == "__main__":
    main()
