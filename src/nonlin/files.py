"""Files that the user asks for: refused before the work, not after it, and written whole."""

from __future__ import annotations

import os
from pathlib import Path

from nonlin.errors import OutputError


def check_path(path: Path, *suffixes: str) -> Path:
    """The path, if a file of that kind can be written there; else OutputError."""
    if path.suffix.lower() not in suffixes:
        raise OutputError(f"not the name of such a file: {str(path)!r}: end it with {', '.join(suffixes)}")
    if not path.parent.is_dir():
        raise OutputError(f"no such folder: {str(path.parent)!r}: make it first")
    return path


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file whole or not at all: a reader, or a kill in between, sees the old one or the new one."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)
        os.replace(temporary, path)
    except OSError as error:
        raise OutputError(f"cannot write: {str(path)!r} ({error.strerror}): choose another place") from None
    finally:
        temporary.unlink(missing_ok=True)
