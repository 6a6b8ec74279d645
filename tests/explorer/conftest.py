"""The explorer's page in a real browser: Debian's or anyone's Chromium, driven by Playwright."""

import pytest

from nonlin.explore.explorer import write


@pytest.fixture(scope="session")
def address(tmp_path_factory) -> str:
    return write(tmp_path_factory.mktemp("explorer") / "explorer.html").as_uri()


@pytest.fixture
def open_page(browser, address):
    """Opens the page at a state of its address; fails at the end if a script failed or anything was asked for."""
    contexts, wrong = [], []

    def opened(state="", width=1300, scheme="light"):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        page.on("request", lambda asked: None if asked.url.startswith(address) else wrong.append(asked.url))
        page.goto(f"{address}#{state}")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not wrong


@pytest.fixture
def page(open_page):
    return open_page()
