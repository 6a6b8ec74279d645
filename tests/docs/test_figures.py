"""The figures of the pages are those that scripts/docs/figures.py draws, and it draws them."""

import re

import figures
import pytest
from page_blocks import PAGES

IMAGE = re.compile(r"!\[[^\]]+\]\(([^)]+)\)")
SHOWN = {(page.parent / target).resolve() for page in PAGES for target in IMAGE.findall(page.read_text("utf-8"))}
TRAINED = {*figures.EXAMPLES, "compare.svg"}  # tests/health/test_examples.py and tests/comparison run what trains


def test_committed_are_those_that_are_drawn_and_shown():
    committed = {path.name for path in figures.IMAGES.iterdir()}
    assert committed == set(figures.NAMES)
    assert {figures.IMAGES / name for name in figures.NAMES} == SHOWN


@pytest.mark.parametrize("name", [name for name in figures.NAMES if name not in TRAINED])
def test_is_drawn(name, tmp_path):
    path = figures.draw(name, tmp_path)
    assert path.stat().st_size > 5000
    if path.suffix == ".svg":
        assert len(re.findall(r"<path", path.read_text("utf-8"))) > 10
