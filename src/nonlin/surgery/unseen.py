"""Which functions a forward may call, read from its code: what has to be asked where no run shows it."""

from __future__ import annotations

import dis
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from nonlin.activation import Activation
from nonlin.registry import catalog
from nonlin.surgery.torch import is_torchs
from nonlin.surgery.wish import same
from nonlin.torch.recognition import SPELLINGS


def may_call(model: Any, known: Collection[str], keys: Sequence[Activation]) -> Iterator[tuple[str, str, str]]:
    """(module, function, activation) for every name of a function in a module's methods that a key may mean.

    Not of the `known` modules, which are activations as a whole.
    The same name as an attribute of `self` is a module's or an attribute's: those are found without a run.
    """
    names = {f.__name__: s for f, s in SPELLINGS.items() if not s.a_tool and hasattr(f, "__name__")}
    for path, module in model.named_modules():
        for name in () if path in known or is_torchs(module) else _names(type(module)):
            if name in names:
                for entry in (names[name].entry, *names[name].approximate.values()):
                    if any(same(key, catalog[entry]) or key.name == entry for key in keys):
                        yield path, name, entry


def _names(kind: type) -> Iterator[str]:
    for base in kind.__mro__:
        if base.__module__.partition(".")[0] in ("torch", "builtins"):
            continue
        for name, method in vars(base).items():
            code = getattr(method, "__code__", None)
            if code is not None and name != "__init__":  # which names classes and defaults
                yield from _loaded(code)


def _loaded(code: Any) -> Iterator[str]:
    own = code.co_varnames[:1]
    before: Any = None
    for instruction in dis.get_instructions(code):
        if instruction.opname.startswith("LOAD_") and isinstance(instruction.argval, str):
            of_self = before is not None and before.argval in own and before.opname.startswith("LOAD_FAST")
            if not instruction.opname.startswith("LOAD_FAST") and not of_self:
                yield instruction.argval
        before = instruction
