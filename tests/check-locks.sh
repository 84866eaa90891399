#!/usr/bin/env bash
# Fail if a lock no longer follows from its requirements.in, or says where a package was downloaded from.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
locks=(algo_container/requirements*.txt ui_container/requirements*.txt tests/requirements*.txt)
cp --parents "${locks[@]}" "${locks[@]/%.txt/.in}" "$work"
make --silent lock LOCK_DIR="$work"
status=0
for lock in "${locks[@]}"; do
  if ! diff -u "$lock" "$work/$lock"; then
    echo "$lock does not follow from its .in file: run 'make lock' and commit what it writes" >&2
    status=1
  fi
done
if grep -nE '://' "${locks[@]}"; then
  echo "a lock names a download address" >&2
  status=1
fi
exit $status
