"""Arguments of the command line that hold several values."""

from __future__ import annotations

from typing import Any

import typer.core


class WithLists(typer.core.TyperCommand):
    """A command whose options marked as lists take several values: --activations relu gelu "x*sigmoid(x)"."""

    lists = ("--activations", "-a", "--learning-rates")

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        options = {name for parameter in self.params for name in parameter.opts}
        spread: list[str] = []
        current = ""
        for word in args:
            if word.partition("=")[0] in options or word == "--":
                current = word if word in self.lists else ""
                spread += [] if current else [word]
            else:
                spread += (
                    [f"{current}={word}" if current.startswith("--") else f"{current}{word}"] if current else [word]
                )
        return super().parse_args(ctx, spread)


def listed(text: str) -> list[str]:
    """The parts between commas that are not inside parentheses, at any depth."""
    parts, depth = [""], 0
    for character in text:
        depth += (character == "(") - (character == ")")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts if part.strip()]
