"""The report as one page."""

from __future__ import annotations

from pathlib import Path

from nonlin.health.record import Record


def write(record: Record, path: Path) -> Path:
    """Writes the page; returns its path."""
    raise NotImplementedError
