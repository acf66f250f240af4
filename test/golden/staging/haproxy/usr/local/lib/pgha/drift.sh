#!/bin/bash
UNITS='haproxy pgbouncer pgha-gate'
[cloud-init/drift.sh]
