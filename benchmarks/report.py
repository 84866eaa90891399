"""Bring the tables and charts of `benchmarks/README.md` up to date with `results/*.json`.

    make report

Between `<!-- results/NAME.json -->` and `<!-- end -->` stands what NAME.json says; the rest is people's, and so is what
nobody has measured here.
"""

import json
import re
from typing import Any

import matplotlib
from results import FOLDER as RESULTS
from results import path_of

matplotlib.use("svg")
from matplotlib import pyplot  # after its way of drawing is chosen

FOLDER = RESULTS.parent
README = FOLDER / "README.md"
MARKED = re.compile(r"(<!-- results/(\w+)\.json -->\n).*?(<!-- end -->)", re.DOTALL)
# So that the same figures give the same file, and text stays text.
STYLE = {"svg.hashsalt": "projet_digit", "svg.fonttype": "none", "font.size": 10, "figure.figsize": (6.4, 3.6)}


def main() -> None:
    """Write every marked part anew whose result is here."""

    def renewed(part: re.Match[str]) -> str:
        return f"{part[1]}{text_of(part[2])}{part[3]}" if path_of(part[2]).exists() else part[0]

    README.write_text(MARKED.sub(renewed, README.read_text()))


def text_of(name: str) -> str:
    """Give a result as Markdown, and draw its charts."""
    result = json.loads(path_of(name).read_text())
    parts = [f"`{result['command']}`, {result['date']}, {machine(result['machine'])}.", *map(table, result["tables"])]
    for chart in result["charts"]:
        draw(chart)
        parts.append(f"![{chart['title']}](charts/{chart['name']}.svg)")
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


def draw(chart: dict[str, Any]) -> None:
    """Write a chart as SVG."""
    with matplotlib.rc_context(STYLE):
        figure, axes = pyplot.subplots(layout="constrained")
        for name, points in chart["series"].items():
            axes.plot(*zip(*points, strict=True), marker="o", markersize=3, label=name)
        axes.set(title=chart["title"], xlabel=chart["x_label"], ylabel=chart["y_label"])
        axes.set_xscale("log" if chart["log_x"] else "linear")
        axes.set_yscale("log" if chart["log_y"] else "linear")
        axes.grid(alpha=0.3)
        axes.legend()
        (FOLDER / "charts").mkdir(exist_ok=True)
        figure.savefig(FOLDER / "charts" / f"{chart['name']}.svg", metadata={"Date": None})
        pyplot.close(figure)


if __name__ == "__main__":
    main()
