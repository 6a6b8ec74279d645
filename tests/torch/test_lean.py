"""save="output": for every formula that is monotone or turns once, the gradient follows from the output."""

import copy
import pickle

import numpy as np
import pytest
import torch
from torch import nn

import nonlin as nl
import nonlin.torch
from nonlin.errors import NonlinError, ParameterError
from nonlin.inverse import inverse

# Of each kind, and of each way that a fit could go wrong: tails, flats that half precision has not, roots of any order.
FORMULAS = [
    "cosh(x) - 1",
    "exp(-x*x)",
    "x**4",
    "x**3",
    "x*softplus(x)",
    "x/sqrt(1 + x**2)",
    "erf(x)",
    "softplus(-x)",
    "max(tanh(x), 0.3)",
    "max(abs(x) - 1, 0)",
    "1/(1 + exp(3*x)) if x < 0 else 0.5 - x",
    "(x + abs(x))*0.35 - 2",
]
OWN = [nl.define(f"lean_{i}", formula) for i, formula in enumerate(FORMULAS)]
REFUSED = {
    "sin(x)": "oscillates",
    "x + sin(x)": "oscillates",
    "x*(x - 1)*(x + 1)": "more than once: at -0.57",
    "x if x > 0 else 1": "jumps back at 0",
    "log(x)": "no value between -inf and 0",
    "1/x": "jumps back at 0",
    "sqrt(abs(x))": "no bound near x = 0",
}


def suits(activation):
    try:
        return inverse(activation.rule, tuple(activation.parameters.values()))
    except ParameterError:
        return None


def lean_layer(activation):
    return nonlin.torch.layer(activation.bind(**activation.parameters), save="output").eval()


@pytest.fixture(params=OWN, ids=lambda a: a.formula)
def own(request):
    return request.param


@pytest.fixture
def known(activation):
    """What has another rule in training, or learns, is not for this: its function is, under another name."""
    found = suits(activation)
    if found is None:
        pytest.skip("refused, see test_what_is_refused_oscillates_or_has_a_surrogate")
    if activation.definition.noise or activation.definition.always_learned:
        return nl.define(f"plain_{activation.name}", activation.bind(**activation.parameters).formula)
    return activation


def places(activation, dtype):
    """Pre-activations of every size, more of them around the turn and kinks; not the rounding of a kink itself."""
    generator = torch.Generator().manual_seed(0)
    near = [torch.randn(20000, generator=generator, dtype=torch.float64) * size for size in (0.1, 1.0, 5.0)]
    found, turn = torch.cat([*near, torch.linspace(-12, 12, 20001, dtype=torch.float64)]), suits(activation).turn
    if turn is not None:
        found = torch.cat([found, turn.place + near[0] / 100])
    kept = torch.ones_like(found, dtype=torch.bool)
    for kink in activation.facts.kinks:
        kept &= (found - kink).abs() > 8 * torch.finfo(dtype).eps * max(1.0, abs(kink))
    return found[kept].to(dtype)


def gradients(activation, x):
    """The gradient with save="output", and the exact one; relative where it is above 1."""
    leaf = x.clone().requires_grad_()
    y = lean_layer(activation)(leaf)
    torch.testing.assert_close(y, activation(x), rtol=0, atol=0, equal_nan=True)
    (got,) = torch.autograd.grad(y.sum(), leaf)
    want = activation.derivative(x.double())
    size = want.abs().clamp(min=1)
    return got.double() / size, want / size


def a_bit_of_y(activation):
    """The slope where y is one bit from its value at the turn, which a kernel that errs by one makes of slope 0."""
    found = suits(activation)
    bit = np.spacing(np.float32(abs(found.turn.value)))
    return float(abs(found.fit(1)(np.sqrt(bit))))


def check_goals(activation):
    x = places(activation, torch.float32)
    got, want = gradients(activation, x)
    error = (got - want).abs()
    turn = suits(activation).turn
    assert error.max() <= max(2e-4, 0 if turn is None else a_bit_of_y(activation))
    assert error[slice(0, len(x) - 20000 * (turn is not None))].square().mean().sqrt() <= 1e-5


def test_gradients_of_the_catalogue_hold_the_goals(known):
    check_goals(known)


def test_gradients_of_a_users_own_hold_the_goals(own):
    check_goals(own)


def test_float64_is_better(known):
    got, want = gradients(known, places(known, torch.float64))
    torch.testing.assert_close(got, want, rtol=0, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_half_precision_errs_by_the_rounding_of_the_output(known, dtype):
    """At a turn y moves by f'' dx^2/2, so that half a spacing of y is a step dx of the root of it."""
    x = torch.linspace(-6, 6, 4001).to(dtype)
    for kink in known.facts.kinks:
        x = x[(x.float() - kink).abs() > 0.1]
    got, want = gradients(known, x)
    turn = suits(known).turn
    spacing = torch.finfo(dtype).eps
    bound = 8 * spacing if turn is None else 8 * spacing + 2 * (spacing * abs(turn.value)) ** 0.5
    assert (got - want).abs().max() <= max(bound, 8 * spacing)


def test_what_passes_on_or_holds_still_is_exact_and_only_relu_never_keeps_its_input(activation):
    x = torch.cat([torch.linspace(-8, 8, 4097), torch.tensor(activation.facts.kinks)]).to(torch.float32)
    found = suits(activation)
    if found is None or not found.exact:
        return
    for save in ("input", "output"):
        leaf = x.clone().requires_grad_()
        y = nonlin.torch.layer(activation.bind(**activation.parameters), save=save)(leaf)
        (got,) = torch.autograd.grad(y.sum(), leaf)
        torch.testing.assert_close(got, activation.derivative(x), rtol=0, atol=0)
        assert kept_bytes(activation, save) == (0 if save == "output" or str(activation) == "relu" else 4)


def test_what_is_refused_oscillates_or_has_a_surrogate(activation):
    if suits(activation) is None:
        reason = "has a surrogate" if activation.surrogate else "oscillates without end"
        with pytest.raises(ParameterError, match=f"it {reason}.*: keep the input"):
            nonlin.torch.layer(activation, save="output")
        assert activation.surrogate or "within" in activation.facts.method["pieces"]


@pytest.mark.parametrize(("formula", "reason"), REFUSED.items())
def test_refusals_say_why(formula, reason):
    with pytest.raises(ParameterError, match=reason) as caught:
        nonlin.torch.layer(nl.define("unfit", formula), save="output")
    assert isinstance(caught.value, NonlinError) and "\n" not in str(caught.value) and formula in str(caught.value)


def test_what_has_no_output_to_go_by_is_refused():
    noisy = [a for a in nl.catalog.values() if a.definition.noise]
    learned = [a for a in nl.catalog.values() if a.definition.always_learned]
    assert noisy and learned
    for activation, reason in [*((a, "draws") for a in noisy), *((a, "learns") for a in learned)]:
        with pytest.raises(ParameterError, match=reason):
            nonlin.torch.layer(activation).__class__(save="output") if activation in noisy else trained(activation)
    with pytest.raises(ParameterError, match="'outputs'"):
        nonlin.torch.layer("gelu", save="outputs")


def trained(activation):
    return nonlin.torch.layer(
        nl.define("slope", activation.formula, **activation.parameters), trainable=True, save="output"
    )


# What is kept -------------------------------------------------------------------------------------------------------


def kept_bytes(activation, save):
    """Bytes an element that the backward pass keeps beyond the output."""
    x = (torch.randn(64, 1024) * 3).requires_grad_()
    kept = {}

    def pack(tensor):
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    layer = nonlin.torch.layer(activation.bind(**activation.parameters), save=save).eval()
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        y = layer(x)
    kept.pop(y.untyped_storage().data_ptr(), None)
    return sum(kept.values()) / y.numel()


def test_what_is_kept(known):
    turns = suits(known).turn is not None
    assert kept_bytes(known, "output") == (0.125 if turns else 0)
    if not suits(known).exact:
        assert kept_bytes(known, "input") == 4


def test_what_is_kept_of_a_users_own(own):
    assert kept_bytes(own, "output") == (0.125 if suits(own).turn else 0)


def test_the_next_layer_keeps_the_same_memory():
    x = torch.randn(32, 64, requires_grad=True)
    y = nonlin.torch.layer("gelu", save="output")(x)
    z = nn.Linear(64, 8)(y)
    kept = {y.grad_fn.saved_tensors[0].data_ptr(), z.grad_fn._saved_mat1.data_ptr()}
    assert kept == {y.data_ptr()}


# Layers -------------------------------------------------------------------------------------------------------------


def test_copies_keep_the_output_too(known):
    layer = lean_layer(known)
    for other in (layer, copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert other.save == "output" and "save='output'" in str(other)
        x = torch.randn(3, 5, requires_grad=True)
        other(x).sum().backward()
        torch.testing.assert_close(x.grad, known.derivative(x.detach()), rtol=1e-3, atol=2e-4)


def test_an_edit_of_the_output_is_an_error(known):
    layer = lean_layer(known)
    y = layer(torch.randn(4, 4, requires_grad=True))
    edited = y.detach()
    edited += 1
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()
