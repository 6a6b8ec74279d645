"""An exported model computes the same in ONNX Runtime, tails and small inputs too."""

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

import nonlin as nl
import nonlin.torch
from nonlin.language.grammar import FUNCTIONS
from nonlin.vector import VectorActivation

pytestmark = [
    # torch's exporter and the library that it writes ONNX with
    pytest.mark.filterwarnings("ignore:`isinstance.treespec, LeafSpec.` is deprecated:FutureWarning"),
    pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:onnxscript.*"),
    pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:onnx_ir.*"),
]
POINTS = [-80.0, -30.0, -13.0, -5.5, -3.0, -1.0, -0.3, -1e-6, 0.0, 1e-6, 0.3, 1.0, 3.0, 6.0, 20.0, 80.0]
# Where each is defined; max and min are of two arguments.
INSIDE = {
    "log": "{}(x**2 + 0.5)",
    "log1p": "{}(exp(x))",
    "sqrt": "{}(exp(x))",
    "max": "{}(x, x**2)",
    "min": "{}(x, x**2)",
}
PLAIN = {f: nl.define("a_function", INSIDE.get(f, "{}(x)").format(f)) for f in FUNCTIONS}
LAYERS = dict(nl.catalog) | PLAIN


class All(nn.Module):
    """Every layer, each of the same input."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(nonlin.torch.layer(a) for a in LAYERS.values())

    def forward(self, x):
        return tuple(layer(x) for layer in self.layers)


def test_onnx_runtime_computes_the_same(tmp_path):
    """All in one program, since each export takes a second; for a batch of another size than the exported one."""
    file = str(tmp_path / "all.onnx")
    model, batch = All().eval(), {0: torch.export.Dim.DYNAMIC}
    torch.onnx.export(model, (torch.zeros(3, 4),), file, dynamo=True, verbose=False, dynamic_shapes=(batch,))
    x = torch.tensor(POINTS).reshape(-1, 1).repeat(1, 4)
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    outputs = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    for (name, activation), got, want in zip(LAYERS.items(), outputs, model(x), strict=True):
        vector = isinstance(activation, VectorActivation)
        np.testing.assert_allclose(got, want.detach().numpy(), 1e-5, 1e-7 if vector else 1e-30, err_msg=name)
