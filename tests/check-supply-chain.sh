#!/usr/bin/env bash
# Fail if a locked package has a known vulnerability or is asked for and not used, and list what each program is made of
# (CycloneDX, in .cache/sbom). What the vulnerability service does not know here, for want of a network, is named.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$PWD/.venv/tests/bin
mkdir -p .cache/sbom
for program in algo_container ui_container; do
  venv=.venv/${program%_container}
  if ! "$bin/pip-audit" --disable-pip --require-hashes --requirement "$program/requirements.txt" --progress-spinner off \
    >"$venv/audit.txt" 2>&1; then
    # It ends with 1 for a vulnerability and for a service that it cannot reach.
    if grep -q 'known vulnerabilit' "$venv/audit.txt"; then
      cat "$venv/audit.txt" >&2
      exit 1
    fi
    echo "$program: not audited, the vulnerability service does not answer: $(tail -n 1 "$venv/audit.txt")"
  elif grep -q 'could not be audited' "$venv/audit.txt"; then
    echo "$program: $(grep -c 'could not be audited' "$venv/audit.txt") packages not audited, the vulnerability service does not know them here"
  fi
  # It supposes aloud that what is not installed beside it has the name of its package.
  (cd "$program" && "$bin/deptry" --no-ansi --config ../pyproject.toml --requirements-files requirements.in . 2>&1) |
    (grep -v '^Assuming the corresponding module name' || true)
  "$bin/cyclonedx-py" environment --output-reproducible --validate --output-file ".cache/sbom/$program.cdx.json" "$venv/bin/python"
done
