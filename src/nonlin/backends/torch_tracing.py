"""What a call that Dynamo traces must know of its surroundings, asked while it traces and kept as a constant.

Traced themselves, these questions have other answers in some of torch's releases: up to 2.12 every traced call takes
itself for an export. Whether a mode of torch's functions is at work is not asked here: only Dynamo knows of those that
the traced code enters.
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


# What `torch.compiler.assume_constant_result` does, which would import the whole compiler.
is_exporting._dynamo_marked_constant = True  # pyright: ignore[reportFunctionMemberAccess]
in_transform._dynamo_marked_constant = True  # pyright: ignore[reportFunctionMemberAccess]
