"""Arguments of the command line that hold several values."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, ClassVar

import typer.core

from nonlin.errors import ParameterError


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


class WithNumbers(typer.core.TyperCommand):
    """A command with options that may stand alone or be followed by a whole number: --depth, --depth 100."""

    alone: ClassVar = {"--derivative": "1", "--depth": "50"}

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        told = [
            f"{word}={self.alone[word]}" if word in self.alone and not following.isdecimal() else word
            for word, following in pairwise([*args, ""])
        ]
        return super().parse_args(ctx, told)


def families(texts: Sequence[str]) -> dict[str, list[float]]:
    """What is to vary, by name: "a=0.5,1,2" in each text. Raises ParameterError.

    >>> families(["a=0.5,1,2"])
    {'a': [0.5, 1.0, 2.0]}
    """
    found: dict[str, list[float]] = {}
    for text in texts:
        name, _, values = text.partition("=")
        name = name.strip()
        if name in found:
            raise ParameterError(f"parameter to vary given twice: {name!r}: give all of its values at once")
        try:
            found[name] = [float(value) for value in values.split(",")]
        except ValueError:
            raise ParameterError(
                f"not parameter=value,value: {text!r}: write it like negative_slope=0.01,0.3"
            ) from None
    return found


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
