#!/bin/bash
UNITS='haproxy pgbouncer pgbouncer-read pgbouncer-read-2 pgha-gate'
[cloud-init/drift.sh]
