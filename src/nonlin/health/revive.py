"""Units that are started anew."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nonlin.health.findings import Finding
from nonlin.health.record import Record


def revive(model: Any, optimizer: Any, record: Record, found: Sequence[Finding], *, dry_run: bool) -> Any:
    """Starts the units of the findings anew."""
    raise NotImplementedError
