#!/bin/bash
UNITS='haproxy pgbouncer pgbouncer-2 pgbouncer-read pgbouncer-read-2 pgha-gate'
[cloud-init/drift.sh]
