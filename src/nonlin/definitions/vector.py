"""Functions of a whole axis: the softmax family, and the units that gate one half of an axis by the other."""

from functools import partial

from nonlin.definition import peer
from nonlin.definitions.entry import entry

_entry = partial(entry, family="vector")
_SPELLINGS = {"dim": "axis"}
_GLU_VARIANTS = "Shazeer 2020: GLU variants improve transformer. arXiv 2002.05202"

ENTRIES = (
    _entry("softmax", "exp(x)/sum(exp(x))", "Softmax", along_axis="softmax", spellings=_SPELLINGS,
           torch=peer("Softmax", "Softmax2d", note="axis has no default"), keras="softmax", jax="softmax",
           onnx="Softmax",
           reference="Bridle 1990: Probabilistic interpretation of feedforward classification network outputs"),
    _entry("log_softmax", "x - log(sum(exp(x)))", "LogSoftmax", along_axis="log_softmax", spellings=_SPELLINGS,
           torch=peer("LogSoftmax", note="axis has no default"), keras="log_softmax", jax="log_softmax",
           onnx="LogSoftmax", reference="the logarithm of softmax"),
    _entry("softmin", "exp(-x)/sum(exp(-x))", "Softmin", along_axis="softmin", spellings=_SPELLINGS,
           torch=peer("Softmin", note="axis has no default"), reference="softmax of -x"),
    _entry("sparsemax", "max(0, x - tau), tau so that the sum is 1", "Sparsemax", along_axis="sparsemax",
           spellings=_SPELLINGS, keras="sparsemax",
           reference="Martins, Astudillo 2016: From softmax to sparsemax. ICML"),
    _entry("hardmax", "1 at the first maximum, 0 elsewhere", "Hardmax", along_axis="hardmax", spellings=_SPELLINGS,
           onnx="Hardmax", reference="ONNX operator Hardmax"),
    _entry("glu", "a*sigmoid(b)", "GLU", gate="sigmoid(x)", spellings=_SPELLINGS, torch="GLU", keras="glu", jax="glu",
           reference="Dauphin, Fan, Auli, Grangier 2017: Language modeling with gated convolutional networks. ICML"),
    _entry("swiglu", "a*silu(b)", "SwiGLU", gate="x*sigmoid(x)", spellings=_SPELLINGS,
           onnx=peer("SwiGLU", note="two inputs: the gate first"), reference=_GLU_VARIANTS),
    _entry("geglu", "a*gelu(b)", "GEGLU", gate="x*normal_cdf(x)", spellings=_SPELLINGS, reference=_GLU_VARIANTS),
    _entry("reglu", "a*relu(b)", "ReGLU", gate="max(0, x)", spellings=_SPELLINGS, reference=_GLU_VARIANTS),
)  # fmt: skip
