#!/bin/bash
UNITS='etcd'
[cloud-init/drift.sh]
