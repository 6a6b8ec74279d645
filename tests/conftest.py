"""The activations that every law is tested on: the whole catalogue, and definitions that are not in it; a browser."""

import os
import shutil
from pathlib import Path

import pytest

import nonlin as nl
from nonlin.activation import Activation
from nonlin.vector import VectorActivation

# Compiled kernels stay in the project's folder, not the user's; the processes of a parallel run share them.
os.environ.setdefault("NONLIN_CACHE_DIR", str(Path(__file__).parents[1] / ".pytest_cache" / "nonlin"))

_USERS = [
    nl.define("tent", "max(0, 1 - abs(x - 1))", reference="a user's own"),
    nl.define("leaky_sine", "x + a*sin(b*x)/b if x > -1 else a*x", a=0.3, b=2.0, constraints={"b": "> 0"}),
    nl.define("moving_max", "max(x, a*x) * sigmoid(x)", a=0.25),
]


def elementwise() -> list[Activation]:
    """Every entry that maps one number to one number, then the users' own."""
    return [a for a in nl.catalog.values() if not isinstance(a, VectorActivation)] + _USERS


@pytest.fixture(scope="session", params=elementwise(), ids=str)
def activation(request: pytest.FixtureRequest) -> Activation:
    return request.param


@pytest.fixture(scope="session", params=[a for a in nl.catalog.values() if isinstance(a, VectorActivation)], ids=str)
def vector_activation(request: pytest.FixtureRequest) -> VectorActivation:
    return request.param


@pytest.fixture(scope="module")
def browser():
    """Debian's Chromium, or another one; its own sandbox needs rights that containers do not give."""
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        pytest.skip("no Chromium on this machine: install chromium to test pages")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield started
        started.close()
