"""How are the figures drawn? As SVG, from the same values as the tables; the same values give the same bytes.

Legible on light and on dark: the colours of a series stand out on both, and the page's own follow what the reader asks
of the browser.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pygal
from pygal.style import Style

WIDTH, LINE_HEIGHT = 960, 34
SERIES = ("#2f81c7", "#d9652b", "#2f9e62", "#b0609f", "#a8801f", "#7a74d6", "#d14b5a")
"""Each at least 3:1 on white and on the dark below."""
INK, PAPER, GUIDE = "#24292f", "#ffffff", "#8c959f"
INK_OF_DARK, PAPER_OF_DARK = "#e6edf3", "#0d1117"

_STYLE = Style(
    background=PAPER,
    plot_background=PAPER,
    foreground=INK,
    foreground_strong=INK,
    foreground_subtle=GUIDE,
    colors=SERIES,
    font_family="system-ui, sans-serif",
    title_font_size=20,
    label_font_size=14,
    major_label_font_size=14,
    legend_font_size=15,
    value_font_size=13,
    opacity=1,
    guide_stroke_color=GUIDE,
    major_guide_stroke_color=GUIDE,
    value_colors=(INK,) * len(SERIES),
)
_NOT_DRAWN = re.compile(r"<!--.*?-->|<script.*?</script>", re.DOTALL)  # comments tell the day; scripts do not run here


def _css(chart_id: str) -> str:
    """What the library's own style has no word for."""
    return f"""inline:
        #{chart_id} .line {{ stroke-width: 2.5px; }}
        #{chart_id} .axis .line {{ stroke-width: 1px; }}
        @media (prefers-color-scheme: dark) {{
            #{chart_id} .background {{ fill: {PAPER_OF_DARK} !important; }}
            #{chart_id} text {{ fill: {INK_OF_DARK} !important; }}
            #{chart_id} .axis .line {{ stroke: {INK_OF_DARK} !important; }}
        }}
    """


def lines(path: Path, title: str, places: Sequence[str], values: Mapping[str, Sequence[float | None]]) -> None:
    """A line for each name, through its value at each place; the values' axis is logarithmic."""
    known = [value for row in values.values() for value in row if value]
    chart = pygal.Line(
        **_options(path, title, 480),
        logarithmic=True,
        x_labels=list(places),
        y_labels=_decades(min(known), max(known)),
        dots_size=4,
        show_x_guides=False,
        show_y_guides=True,
    )
    chart.value_formatter = "{:g}".format
    _draw(path, chart, values)


def bars(path: Path, title: str, places: Sequence[str], values: Mapping[str, Sequence[float | None]]) -> None:
    """For each place a bar of each name, its value written on it."""
    chart = pygal.HorizontalBar(
        **_options(path, title, 160 + LINE_HEIGHT * len(places) * len(values)),
        x_labels=list(places),
        print_values=True,
        range=(0, max(1.0, *(value for row in values.values() for value in row if value is not None))),
        show_y_guides=True,
        value_font_size=12,
    )
    chart.value_formatter = "{:.2f}".format
    _draw(path, chart, values)


def _options(path: Path, title: str, height: int) -> dict[str, object]:
    return {
        "title": title,
        "width": WIDTH,
        "height": height,
        "style": _STYLE,
        "css": [*pygal.Config().css, _css(f"chart-{path.stem}")],
        "js": [],
        "explicit_size": True,
        "legend_at_bottom": True,
        "legend_at_bottom_columns": 4,
        "margin_bottom": 40,
        "margin_right": 60,
    }


def _decades(least: float, most: float) -> list[float]:
    """1, 10, 100, …: as many as hold all that there is."""
    first, last = 0, 0
    while 10.0**first > least:
        first -= 1
    while 10.0**last < most:
        last += 1
    return [10.0**power for power in range(first, last + 1)]


def _draw(path: Path, chart: pygal.Graph, values: Mapping[str, Sequence[float | None]]) -> None:
    for name, row in values.items():
        chart.add(name, list(row))
    chart.uuid = path.stem
    drawn = _NOT_DRAWN.sub("", chart.render(is_unicode=True))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(drawn.rstrip() + "\n", encoding="utf-8")
