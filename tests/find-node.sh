#!/usr/bin/env bash
# Print the path of a Node.js that has a test runner: the machine's own, else the one that comes with Playwright.
set -euo pipefail
cd "$(dirname "$0")/.."
if command -v node >/dev/null && node -e 'process.exit(Number(process.versions.node.split(".")[0]) < 20 ? 1 : 0)'; then
  command -v node
else
  .venv/tests/bin/python -c 'import pathlib, playwright; print(pathlib.Path(playwright.__file__).parent / "driver" / "node")'
fi
