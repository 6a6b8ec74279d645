"""Shrinks: small inputs become 0, or nearly."""

from functools import partial

from nonlin.definition import peer
from nonlin.definitions.entry import entry

_entry = partial(entry, family="shrinks")
_LAMBD = {"lambd": "threshold"}

ENTRIES = (
    _entry("hard_shrink", "x if abs(x) > threshold else 0", "HardShrink", parameters={"threshold": 0.5},
           spellings=_LAMBD, torch=peer("Hardshrink", threshold=0.5), keras=peer("hard_shrink", threshold=0.5),
           onnx=peer("Shrink", threshold=0.5, note="with its default bias of 0"),
           reference="Donoho, Johnstone 1994: Ideal spatial adaptation by wavelet shrinkage. Biometrika 81"),
    _entry("soft_shrink", "sign(x)*max(abs(x) - threshold, 0)", "SoftShrink",
           parameters={"threshold": (0.5, ">= 0")}, spellings=_LAMBD,
           torch=peer("Softshrink", threshold=0.5), keras=peer("soft_shrink", threshold=0.5),
           reference="Donoho, Johnstone 1994: Ideal spatial adaptation by wavelet shrinkage. Biometrika 81"),
    _entry("tanh_shrink", "x - tanh(x)", "TanhShrink", torch="Tanhshrink", keras="tanh_shrink",
           reference="Kavukcuoglu, Ranzato, LeCun 2010: Fast inference in sparse coding. arXiv 1010.3467"),
)  # fmt: skip
