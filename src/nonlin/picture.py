"""A figure as the content of a file: PNG for the screen, SVG and PDF for a page or a paper."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SUFFIXES = (".png", ".svg", ".pdf")
_DPI = 200
# The same picture is the same file.
_UNDATED: dict[str, dict[str, Any]] = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}


def picture(figure: Figure, suffix: str) -> bytes:
    """The content of a PNG, SVG or PDF file; in a PDF the fonts are TrueType, as publishers ask for."""
    from matplotlib import rc_context

    file = io.BytesIO()
    with rc_context({"pdf.fonttype": 42, "svg.hashsalt": "nonlin"}):
        figure.savefig(file, format=suffix.removeprefix("."), dpi=_DPI, metadata=_UNDATED.get(suffix))
    return file.getvalue()
