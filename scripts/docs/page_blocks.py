"""The code that the pages show, in pieces that each run on their own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")))
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block; `output` is the text of a block of `text` right after one of Python: what it prints."""

    kind: str
    text: str
    line: int
    output: str | None = None


@dataclass(frozen=True)
class Unit:
    """What runs by itself: a block of Python that imports what it needs, with those after it that go on from it; or a
    line of bash."""

    page: str
    blocks: tuple[Block, ...]

    def __str__(self) -> str:
        return f"{self.page}:{self.blocks[0].line}"


def blocks(text: str) -> Iterator[Block]:
    found = list(FENCE.finditer(text))
    for i, fence in enumerate(found):
        after = found[i + 1] if i + 1 < len(found) else None
        printed = after and after[1] == "text" and not text[fence.end() : after.start()].strip()
        line = text.count("\n", 0, fence.start()) + 1
        yield Block(fence[1], fence[2], line, after[2] if after and printed else None)


def python(page: Path) -> Iterator[Unit]:
    """The units of Python of a page, in order."""
    name, unit = page.relative_to(ROOT).as_posix(), list[Block]()
    for block in blocks(page.read_text("utf-8")):
        if block.kind != "python":
            continue
        if unit and re.match(r"(import|from) ", block.text):
            yield Unit(name, tuple(unit))
            unit = []
        unit.append(block)
    if unit:
        yield Unit(name, tuple(unit))


def commands(page: Path) -> Iterator[Unit]:
    """Each line of bash of a page, without its comment."""
    for block in blocks(page.read_text("utf-8")):
        if block.kind == "bash":
            for i, line in enumerate(block.text.splitlines()):
                if command := re.split(r"\s#", line)[0].strip():
                    yield Unit(page.relative_to(ROOT).as_posix(), (Block("bash", command, block.line + 1 + i),))
