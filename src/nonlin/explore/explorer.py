"""The explorer: one HTML file that holds the catalogue, the formula language and all it draws with.

The page's parts are files beside this one, in `page/`: a script defines one thing and uses those before it in SCRIPTS.
Nothing is loaded from elsewhere, and the policy in the page's head forbids it, as it forbids running text as code.
"""

from __future__ import annotations

import json
import keyword
import os
import sys
import webbrowser
from pathlib import Path
from typing import Any

from nonlin.backends.javascript import tables
from nonlin.document import document
from nonlin.explore.code import LANGUAGES, templates
from nonlin.explore.entries import entry, losses
from nonlin.files import check_path, write_whole
from nonlin.language.parameters import RESERVED
from nonlin.registry import catalog
from nonlin.slopes import DELTA

PAGE = Path(__file__).with_name("page")
STYLES = ("colours", "layout", "parts", "chart")
SCRIPTS = (
    *("tables", "special", "algebra", "rewrite", "derivative", "evaluate", "tokens", "syntax", "reader", "curve"),
    *(
        "facts",
        "signal",
        "spiking",
        "halves",
        "axis_functions",
        "latex",
        "code",
        "elements",
        "state",
        "chart",
        "sampling",
    ),
    *("chooser", "shown_view", "curves_view", "axis_view", "facts_view", "depth_view", "neuron_view", "exactness_view"),
    *("code_view", "main"),
)
_POLICY = (
    '<meta http-equiv="Content-Security-Policy" '
    "content=\"default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'\">"
)


def write(path: Path) -> Path:
    """Write the page, whole or not at all; returns its path. Raises OutputError."""
    check_path(path, ".html", ".htm")
    write_whole(path, html())
    return path


def open_page(path: Path) -> bool:
    """Open a page in the user's browser; False where there is none. Without a display only text browsers are left."""
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return False
    try:
        return webbrowser.open(path.resolve().as_uri())
    except (webbrowser.Error, OSError):
        return False


def html() -> str:
    """The page."""
    css = "".join(_part(f"{name}.css") for name in STYLES)
    data = json.dumps(page_data(), separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    scripts = [f'<script type="application/json" id="data">{data}</script>']
    scripts += [f"<script>\n{_part(f'{name}.js')}</script>" for name in SCRIPTS]
    body = "\n".join([_part("body.html"), *scripts])
    return document("nonlin: explore activation functions", css, body, head=_POLICY)


def page_data() -> dict[str, Any]:
    """All that the scripts are given: the tables of the language, the catalogue, what was measured."""
    measured = losses()
    return {
        "tables": tables(),
        "entries": [entry(a, measured["rows"]) for a in catalog.values()],
        "measured": measured["about"],
        "languages": LANGUAGES,
        "code": templates(),
        "reserved": sorted({*RESERVED, *keyword.kwlist}),
        "delta": DELTA,
    }


def _part(name: str) -> str:
    return (PAGE / name).read_text(encoding="utf-8")
