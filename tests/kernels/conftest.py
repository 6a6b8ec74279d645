"""Compiled kernels of these tests are kept apart from the user's."""

from pathlib import Path

import pytest

from nonlin.backends.kernels import store


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that nonlin keeps its files in: not made yet, and nothing has been warned of."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("NONLIN_CACHE_DIR", str(folder))
    monkeypatch.setattr(store, "_warned", set())
    return folder
