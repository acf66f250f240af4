#!/bin/bash
UNITS='patroni pgha-guard'
PATRONI='https://10.100.2.12:8008'
SUPERUSER_OPTIONS='-c search_path=pg_catalog,pg_temp -c restrict_nonsystem_relation_kind=view,foreign-table -c role=none -c row_security=on -c session_replication_role=origin -c local_preload_libraries= -c synchronous_commit=on -c default_transaction_read_only=off -c default_transaction_isolation=read\ committed -c default_transaction_deferrable=off -c statement_timeout=0 -c lock_timeout=0 -c transaction_timeout=0 -c idle_in_transaction_session_timeout=0 -c idle_session_timeout=0 -c exit_on_error=off -c standard_conforming_strings=on -c transform_null_equals=off -c client_encoding=UTF8 -c client_min_messages=warning -c DateStyle=ISO'
[cloud-init/drift.sh]
