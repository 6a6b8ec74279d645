"""What the pages have from data is what the data say today."""

import names_page
import page_tables
import pytest

import nonlin as nl

PAGES = dict(page_tables.pages())


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_page_is_up_to_date(path):
    assert path.read_text("utf-8") == PAGES[path], "stale: run scripts/docs/page_tables.py"


def test_every_table_is_in_a_page():
    shown = {mark[2] for text in PAGES.values() for mark in page_tables.MARK.finditer(text)}
    assert shown == set(page_tables.TABLES)


def test_every_name_is_there():
    page = names_page.page()
    for activation in nl.catalog.values():
        for name in (activation.name, *activation.aliases):
            assert f"`{name}`" in page


@pytest.mark.parametrize(
    ("name", "difference"),
    [("leaky_relu", "| Keras | `leaky_relu` | `negative_slope=0.2`"), ("hard_sigmoid", "| ONNX | `HardSigmoid` | "),
     ("gelu", "| JAX | `gelu` | approximate=True")],
)  # fmt: skip
def test_differing_defaults_are_said(name, difference):
    (line,) = [row for row in names_page.page().splitlines() if row.startswith(f"| `{name}` |") and difference in row]
    assert line.endswith(" |")
