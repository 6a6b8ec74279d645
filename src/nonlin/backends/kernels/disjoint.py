"""Memory read at computed places, told apart from memory that is written, so that a loop over both is vectorised.

LLVM cannot see the limits of `table[j]` for a j that it does not know, takes it that the loop writes there, and leaves
the loop scalar. These three say that it does not: a read of a table, a read of an input, a write of the output.
"""

from __future__ import annotations

from typing import Any

from numba import types

from nonlin.backends.kernels.machine import instruction


def _scopes(module: Any) -> Any:
    domain = module.add_metadata(["nonlin"])
    return module.add_metadata([module.add_metadata(["nonlin tables", domain])])


def _place(builder: Any, pointer: Any, index: Any) -> Any:
    return builder.gep(pointer, [index], inbounds=True)


def _reading(relation: str) -> Any:
    """An instruction that reads pointer[index], in that relation to the tables."""

    @instruction
    def reading(_context: Any, pointer: Any, index: Any) -> Any:
        def code(_: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            value = builder.load(_place(builder, *arguments))
            value.set_metadata(relation, _scopes(builder.module))
            return value

        return pointer.dtype(pointer, index), code

    return reading


table = _reading("alias.scope")  # of what the loop only reads, at any place
read = _reading("noalias")  # of what is no table


@instruction
def write(_context: Any, pointer: Any, index: Any, value: Any) -> Any:
    """pointer[index] = value, where no table is."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        stored = builder.store(arguments[2], _place(builder, *arguments[:2]))
        stored.set_metadata("noalias", _scopes(builder.module))
        return context.get_dummy_value()

    return types.none(pointer, index, pointer.dtype), code
