#!/bin/bash
# reviewed.sh ENVIRONMENT: fails unless somebody must approve each job of that environment of the repository. A preview decrypts the
# state, so nothing that a branch holds may run one before somebody has looked at it. Needs GH_TOKEN and GITHUB_REPOSITORY.
set -euo pipefail

environment=$1
[[ $environment =~ ^[a-z-]+$ ]] || {
  echo "usage: reviewed.sh ENVIRONMENT" >&2
  exit 2
}
reviewers='[.protection_rules[] | select(.type == "required_reviewers") | .reviewers[]] | length'
count=$(gh api "repos/$GITHUB_REPOSITORY/environments/$environment" --jq "$reviewers") || count=0
if [[ $count != [1-9]* ]]; then
  echo "The environment $environment has no required reviewers: no preview is made. Settings > Environments > $environment >" \
    "Required reviewers; docs/pull-requests.md says why." >&2
  exit 1
fi
