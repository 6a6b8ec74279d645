"""What a call that Dynamo traces must know of its surroundings, asked while it traces and kept as a constant.

Traced themselves, these questions have other answers in some of torch's releases: up to 2.12 every traced call takes
itself for an export. The oldest, 2.7, cannot trace `isinstance(x, int | float)` and mapping proxies either: what is
traced asks for a tuple of classes, of a dict.
"""

# torch has no public names for what is asked here.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import torch


def is_exporting() -> bool:
    """Whether the call is traced for an exported program."""
    return torch.compiler.is_exporting()


def in_transform() -> bool:
    """Whether the call is inside a transform of `torch.func`."""
    return torch._C._are_functorch_transforms_active()


def in_function_mode() -> bool:
    """Whether a mode of torch's functions is at work."""
    return torch._C._is_torch_function_mode_enabled()


# What `torch.compiler.assume_constant_result` does, which would import the whole compiler.
is_exporting._dynamo_marked_constant = True  # pyright: ignore[reportFunctionMemberAccess]
in_transform._dynamo_marked_constant = True  # pyright: ignore[reportFunctionMemberAccess]
in_function_mode._dynamo_marked_constant = True  # pyright: ignore[reportFunctionMemberAccess]
