#!/usr/bin/env bash
# Make sure that there is a Chromium for the browser tests: the machine's own, else Debian's, else Playwright's.
set -euo pipefail
cd "$(dirname "$0")/.."
for name in chromium chromium-browser google-chrome; do
  if command -v "$name" >/dev/null; then exit 0; fi
done
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  apt-get update -qq
  # Ubuntu's package of this name is an empty shell around a snap: then Playwright's own, below.
  if apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null && chromium --version; then exit 0; fi
fi
.venv/tests/bin/playwright install chromium
