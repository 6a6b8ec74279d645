"""What `mkdocs build` adds to the pages that are files: the gallery, the explorer, measurements, formulas.

Nothing here comes from the network: formulas become MathML, which browsers draw themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import gallery
from command_line import command_line
from latex2mathml.converter import convert
from layer_tables import layers
from mkdocs.structure.files import File, Files

from nonlin.explore.explorer import html as explorer

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"
# A prime is raised in its font already: as an exponent it would be raised twice.
PRIME = re.compile(r"<msup>(<mi>[^<]*</mi>)(?:<mrow>)?<mi>&#x02032;</mi>(?:</mrow>)?</msup>")
MATH = re.compile(r'<(span|div) class="arithmatex">\s*\\[(\[](.*?)\\[)\]]\s*</\1>', re.DOTALL)


def on_config(config: Any) -> None:
    """The gallery's place in the navigation becomes its pages, by family."""
    (place,) = (item for item in config.nav if item == {"Gallery": "gallery/"})
    place["Gallery"] = gallery.navigation()


def on_files(files: Files, config: Any) -> None:
    for path, content in generated():
        files.append(File.generated(config, path, content=content))


def generated() -> Iterator[tuple[str, str]]:
    """Each page and file that is made, with its path in the site's sources."""
    yield from gallery.pages().items()
    yield "explorer.html", explorer()
    yield "changelog.md", (ROOT / "CHANGELOG.md").read_text("utf-8").replace("](docs/", "](")
    for file in sorted(RESULTS.glob("*.json")):
        yield f"results/{file.name}", file.read_text("utf-8")


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Links to files of the project become links to their copies in the site; two marks become what they name."""
    up = "../" * page.file.src_uri.count("/")
    markdown = re.sub(r"\]\((?:\.\./)+benchmarks/results/", f"]({up}results/", markdown)
    markdown = markdown.replace("<!-- command line -->", command_line())
    return re.sub(r"<!-- layers: (\w+) -->", lambda found: layers(found[1], f"{up}gallery"), markdown)


def on_page_content(html: str, **_: Any) -> str:
    return MATH.sub(lambda found: mathml(unescape(found[2]), found[1] == "div"), html)


def mathml(formula: str, alone: bool) -> str:
    return PRIME.sub(
        r'\1<mo lspace="0" rspace="0">&#x02032;</mo>', convert(formula, display="block" if alone else "inline")
    )
