#!/usr/bin/env bash
# Fail if a lock no longer follows from its requirements.in, says where a package was downloaded from, or cannot be
# installed into an image without building something.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
locks=(algo_container/requirements*.txt ui_container/requirements*.txt tests/requirements*.txt benchmarks/baselines/requirements*.txt)
cp --parents "${locks[@]}" "${locks[@]/%.txt/.in}" "$work"
make --silent lock LOCK_DIR="$work"
status=0
for lock in "${locks[@]}"; do
  if ! diff -u "$lock" "$work/$lock"; then
    echo "$lock does not follow from its .in file: run 'make lock' and commit what it writes" >&2
    status=1
  fi
done
if grep -nE '://' "${locks[@]}" ui_container/package-lock.json; then
  echo "a lock names a download address" >&2
  status=1
fi
# What Docker calls amd64 and arm64; of the base image, its Python and a C library that is not newer than its own.
for machine in x86_64 aarch64; do
  for program in algo_container ui_container; do
    if ! .venv/setup/bin/uv pip install --dry-run --quiet --python-platform "$machine-manylinux_2_40" --python-version 3.13 \
      --only-binary :all: --require-hashes --target "$work/$machine" -r "$program/requirements.txt"; then
      echo "$program: the lock cannot be installed into an image for $machine" >&2
      status=1
    fi
  done
done
exit $status
