"""A store from its address."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nonlin.comparison.journal import Journal
from nonlin.comparison.store import Store


def opened(address: dict[str, Any]) -> Store:
    """The store whose `address` it is."""
    if "folder" in address:
        return Journal(Path(address["folder"]))
    from nonlin.comparison.postgres import Postgres

    return Postgres(address["url"], address["study"])
