"""Self-gated functions: x times something that opens with x."""

from functools import partial

from nonlin.definition import peer
from nonlin.definitions.entry import entry

_entry = partial(entry, family="gates")

ENTRIES = (
    _entry("gelu", "x*normal_cdf(x)", "GELU", approximate={"tanh": "gelu_tanh"},
           torch=peer("GELU", note='approximate="none" by default, which is this one'),
           keras=peer("gelu", note="approximate=False by default, which is this one"),
           jax=peer("gelu", note="approximate=True by default, which is gelu_tanh"),
           onnx=peer("Gelu", note='approximate="none" by default, which is this one'),
           reference="Hendrycks, Gimpel 2016: Gaussian error linear units. arXiv 1606.08415"),
    _entry("gelu_tanh", "x/2*(1 + tanh(sqrt(2/pi)*(x + 0.044715*x**3)))", "GELUTanh",
           aliases=("gelu_new", "gelu_approximate"),
           reference="Hendrycks, Gimpel 2016: Gaussian error linear units, the tanh approximation. arXiv 1606.08415"),
    _entry("quick_gelu", "x*sigmoid(1.702*x)", "QuickGELU", same_as="swish(beta=1.702)",
           reference="Hendrycks, Gimpel 2016: Gaussian error linear units, the sigmoid approximation. "
                     "arXiv 1606.08415"),
    _entry("silu", "x*sigmoid(x)", "SiLU", torch="SiLU", keras="silu", jax="silu", same_as="swish",
           reference="Elfwing, Uchibe, Doya 2018: Sigmoid-weighted linear units. Neural Networks 107"),
    _entry("swish", "x*sigmoid(beta*x)", "Swish", parameters={"beta": 1.0}, learned=("beta",),
           spellings={"alpha": "beta"}, keras=peer("swish", note="has no beta: the same as silu"),
           jax=peer("swish", note="has no beta: the same as silu"),
           onnx=peer("Swish", beta=1.0, note="its alpha is beta"),
           reference="Ramachandran, Zoph, Le 2017: Searching for activation functions. arXiv 1710.05941"),
    _entry("hard_silu", "x*min(max(x + 3, 0), 6)/6", "HardSiLU", torch="Hardswish",
           keras=peer("hard_silu", "hard_swish"), jax=peer("hard_silu", "hard_swish"), onnx="HardSwish",
           reference="Howard et al. 2019: Searching for MobileNetV3. ICCV"),
    _entry("mish", "x*tanh(softplus(x))", "Mish", torch="Mish", keras="mish", jax="mish", onnx="Mish",
           reference="Misra 2020: Mish: a self regularized non-monotonic activation function. BMVC"),
    _entry("hard_mish", "x*min(max(x + 2, 0), 2)/2", "HardMish",
           reference="YOLO-Mish 2020: the piecewise quadratic approximation of mish used by timm"),
    _entry("snake", "x + sin(a*x)**2/a", "Snake", parameters={"a": (1.0, "!= 0")}, learned=("a",),
           spellings={"alpha": "a"},
           reference="Liu, Hartwig, Ueda 2020: Neural networks fail to learn periodic functions. NeurIPS"),
)  # fmt: skip
