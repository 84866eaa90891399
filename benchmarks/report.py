"""Bring the tables of `benchmarks/README.md` up to date with `results/*.json`.

    make report

Between `<!-- results/NAME.json -->` and `<!-- end -->` stands what NAME.json says; the rest is people's, and so is what
nobody has measured here.
"""

import json
import re
from typing import Any

from results import FOLDER as RESULTS
from results import path_of

FOLDER = RESULTS.parent
README = FOLDER / "README.md"
MARKED = re.compile(r"(<!-- results/(\w+)\.json -->\n).*?(<!-- end -->)", re.DOTALL)


def main() -> None:
    """Write every marked part anew whose result is here."""

    def renewed(part: re.Match[str]) -> str:
        return f"{part[1]}{text_of(part[2])}{part[3]}" if path_of(part[2]).exists() else part[0]

    README.write_text(MARKED.sub(renewed, README.read_text()))


def text_of(name: str) -> str:
    """Give a result as Markdown."""
    result = json.loads(path_of(name).read_text())
    parts = [f"`{result['command']}`, {result['date']}, {machine(result['machine'])}.", *map(table, result["tables"])]
    return "\n\n".join(parts) + "\n"


def machine(facts: dict[str, Any]) -> str:
    """Say in one line on what something was measured."""
    versions = ", ".join(
        f"{name} {value}" for name, value in facts.items() if name not in ("processor", "cores", "system")
    )
    return f"{facts['cores']} cores of {facts['processor']}, {facts['system']}, {versions}"


def table(facts: dict[str, Any]) -> str:
    """Give a table as Markdown, its title above it."""
    rows = [facts["columns"], ["---"] * len(facts["columns"]), *facts["rows"]]
    lines = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return f"**{facts['title']}**\n\n{lines}"


if __name__ == "__main__":
    main()
