#!/usr/bin/env bash
# Fail if a lock no longer follows from its requirements.in, or says where a package was downloaded from.
set -euo pipefail
cd "$(dirname "$0")/.."
before=$(mktemp -d)
trap 'rm -rf "$before"' EXIT
locks=(algo_container/requirements*.txt ui_container/requirements*.txt tests/requirements*.txt)
cp --parents "${locks[@]}" "$before"
make --silent lock
status=0
for lock in "${locks[@]}"; do
  if ! diff -u "$before/$lock" "$lock"; then
    cp "$before/$lock" "$lock"
    echo "$lock does not follow from its .in file: run 'make lock' and commit what it writes" >&2
    status=1
  fi
done
if grep -nE '://' "${locks[@]}"; then
  echo "a lock names a download address" >&2
  status=1
fi
exit $status
