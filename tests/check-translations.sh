#!/usr/bin/env bash
# Fail if a sentence of the page has no English, or if the compiled catalogue is not what messages.po says.
set -euo pipefail
cd "$(dirname "$0")/../ui_container"
babel=../.venv/ui-test/bin/pybabel
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
printf '[python: **.py]\n[jinja2: **/templates/**.html]\n' >"$work/babel.cfg"
"$babel" -q extract --mapping "$work/babel.cfg" --output "$work/messages.pot" digit_ui
cp digit_ui/translations/en/LC_MESSAGES/messages.po "$work/messages.po"
"$babel" -q update --locale en --no-fuzzy-matching --input-file "$work/messages.pot" --output-file "$work/messages.po"
../.venv/ui-test/bin/python - "$work" <<'PY'
import pathlib, sys
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

catalog = read_po((pathlib.Path(sys.argv[1]) / "messages.po").open("rb"), locale="en")
missing = [message.id for message in catalog if message.id and not message.string]
if missing:
    sys.exit("messages.po has no English for: " + "; ".join(missing))
if catalog.obsolete:
    sys.exit("messages.po translates what no page says: " + "; ".join(map(str, catalog.obsolete)))
compiled = read_mo(open("digit_ui/translations/en/LC_MESSAGES/messages.mo", "rb"))
if {m.id: m.string for m in compiled if m.id} != {m.id: m.string for m in catalog if m.id}:
    sys.exit("messages.mo is not what messages.po says: run 'make translations' and commit it")
PY
