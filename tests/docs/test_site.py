"""The site builds without a warning, has a page for every activation, and asks for nothing from anywhere."""

import os
import re
import subprocess
import sys
from html.parser import HTMLParser

import gallery
import pytest
from page_blocks import ROOT

import nonlin as nl
from nonlin.vector import VectorActivation

# What a browser loads by itself; a link that a reader follows may lead anywhere.
LOADS = {("link", "href"), ("script", "src"), ("img", "src"), ("iframe", "src"), ("source", "src"), ("use", "href")}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    )
    assert done.returncode == 0, done.stderr
    return folder


class Loaded(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attributes):
        self.found += [value for key, value in attributes if (tag, key) in LOADS]


def test_nothing_is_loaded_from_elsewhere(site):
    for page in site.rglob("*.html"):
        loaded = Loaded()
        loaded.feed(page.read_text("utf-8"))
        assert not [url for url in loaded.found if re.match(r"(\w+:)?//", url)], page
    for sheet in site.rglob("*.css"):
        assert not re.search(r"url\(['\"]?(\w+:)?//", sheet.read_text("utf-8")), sheet


@pytest.mark.parametrize("name", nl.catalog)
def test_every_activation_has_its_page(site, name):
    page, index = ((site / "gallery" / f"{file}.html").read_text("utf-8") for file in (name, "index"))
    assert f'href="{name}.html"' in index
    activation = nl.catalog[name]
    assert activation.reference.split(":")[0].replace("&", "&amp;") in page
    for alias in activation.aliases:
        assert f"<code>{alias}</code>" in page
    for code in gallery.blocks(activation).values():
        assert code.splitlines()[0] in re.sub(r"<[^>]+>", "", page)
    assert ("<svg viewBox" in page) == bool(gallery.drawn(activation, 10, 10))


def test_formulas_are_drawn_by_the_browser(site):
    for page in site.rglob("*.html"):
        text = page.read_text("utf-8")
        assert 'class="arithmatex"' not in text, page
    assert (site / "gallery" / "gelu.html").read_text("utf-8").count("<math ") == 2


def test_search_works_from_a_folder(site, browser):
    page = browser.new_page()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{(site / 'index.html').as_uri()}")
    page.locator(".md-search__input").fill("surrogate")
    page.locator(".md-search-result__link").first.wait_for(timeout=20_000)
    assert page.locator("a[href*='spike.html']").count()
    assert all(url.startswith("file:") for url in asked)
    page.close()


# The blocks of two curves differ in the name alone; that `nl.get` knows every name is another test.
RUN = [nl.prelu, nl.gelu, *(a for a in nl.catalog.values() if isinstance(a, VectorActivation))]


@pytest.mark.parametrize("activation", RUN, ids=str)
def test_the_code_of_the_gallery_runs(activation, runner, tmp_path):
    for code in gallery.blocks(activation).values():
        runner(tmp_path, code=[code])
