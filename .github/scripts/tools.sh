#!/bin/bash
# tools.sh pack FILE: makes what a stack on AWS needs, npm packages, Pulumi and its plugins, and packs it. For a job without a token.
# tools.sh unpack FILE SHA256: puts it to where `scripts/run` finds it, so that the job downloads nothing by itself.
set -euo pipefail

# Within the checkout, so that it unpacks wherever the next machine has its own.
cache=$PWD/.tools/cache plugins=$PWD/.tools/pulumi

case ${1-} in
  pack)
    XDG_CACHE_HOME=$cache PULUMI_HOME=$plugins bash scripts/run tools
    tar --create --file "$2" --use-compress-program "zstd -T0" node_modules .tools
    echo "sha256=$(sha256sum "$2" | cut -d ' ' -f 1)" >>"$GITHUB_OUTPUT"
    ;;
  unpack)
    [[ ${3-} =~ ^[0-9a-f]{64}$ ]] || {
      echo "tools.sh: '${3-}' is not a checksum: what makes the tools did not say one" >&2
      exit 2
    }
    echo "$3  $2" | sha256sum --check --strict --quiet
    tar --extract --file "$2" --use-compress-program zstd
    # The checkout is younger than they are, which would make npm install them again.
    touch node_modules/.package-lock.json
    {
      echo "XDG_CACHE_HOME=$cache"
      echo "PULUMI_HOME=$plugins"
      echo PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION=true
    } >>"$GITHUB_ENV"
    ;;
  *)
    echo "usage: tools.sh pack FILE | tools.sh unpack FILE SHA256" >&2
    exit 2
    ;;
esac
