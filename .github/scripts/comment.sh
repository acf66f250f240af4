#!/bin/bash
# comment.sh NUMBER NAME FILE: posts the file as a comment on that pull request, or puts it in place of the comment of this name
# that was posted before. Needs GH_TOKEN and GITHUB_REPOSITORY.
set -euo pipefail

number=$1 name=$2 file=$3
[[ $number =~ ^[0-9]+$ && $name =~ ^[a-z-]+$ ]] || {
  echo "usage: comment.sh NUMBER NAME FILE" >&2
  exit 2
}
comments=repos/$GITHUB_REPOSITORY/issues

# Not shown by GitHub. Only comments of the workflows themselves count: anybody can write this line.
marker="<!-- pgha: $name -->"
body=$(mktemp)
trap 'rm -f "$body"' EXIT
{ echo "$marker" && cat "$file"; } >"$body"

mine="select(.user.login == \"github-actions[bot]\" and (.body | startswith(\"$marker\"))) | .id"
ids=$(gh api --paginate "$comments/$number/comments?per_page=100" --jq ".[] | $mine")
if [[ -n $ids ]]; then
  gh api --silent --method PATCH "$comments/comments/${ids%%$'\n'*}" --field body=@"$body"
else
  gh api --silent --method POST "$comments/$number/comments" --field body=@"$body"
fi
