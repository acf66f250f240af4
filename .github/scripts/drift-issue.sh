#!/bin/bash
# drift-issue.sh STACK FOLDER: opens, edits or closes the issue about a stack's drift, by what the check has left in the folder:
# `code` (0: none, 3: drift, anything else: the check itself failed) and `summary.md`. Fails unless there is none.
# Needs GH_TOKEN and GITHUB_REPOSITORY.
set -euo pipefail

stack=$1 folder=$2
[[ $stack =~ ^[a-z]+$ ]] || {
  echo "usage: drift-issue.sh STACK FOLDER" >&2
  exit 2
}
code=$(<"$folder/code")
issues=repos/$GITHUB_REPOSITORY/issues
title="Drift: $stack"
run="${GITHUB_SERVER_URL:-https://github.com}/$GITHUB_REPOSITORY/actions/runs/${GITHUB_RUN_ID:-}"

mine="select(.pull_request == null and .title == \"$title\") | .number"
numbers=$(gh api --paginate "$issues?state=open&creator=github-actions%5Bbot%5D&per_page=100" --jq ".[] | $mine")
number=${numbers%%$'\n'*}

if [[ $code == 0 ]]; then
  [[ -z $number ]] || gh api --silent --method PATCH "$issues/$number" --raw-field state=closed
  echo "$stack: no drift"
  exit
fi

body=$(mktemp)
trap 'rm -f "$body"' EXIT
{
  if [[ $code == 3 ]]; then
    echo "What runs is not what \`main\` says. The next \`up\` would do this; a change that should stay belongs into \`main\`."
  else
    echo "The check itself failed: nobody knows whether \`$stack\` is what \`main\` says."
  fi
  printf '[The run](%s)\n\n' "$run"
  if [[ -e $folder/summary.md ]]; then cat "$folder/summary.md"; fi
} >"$body"
if [[ -n $number ]]; then
  gh api --silent --method PATCH "$issues/$number" --field body=@"$body"
else
  gh api --silent --method POST "$issues" --raw-field title="$title" --field body=@"$body"
fi
echo "$stack: see the issue \"$title\"" >&2
exit 1
