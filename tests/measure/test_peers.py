"""What other libraries have for an activation is the same function, called as they call it."""

import warnings

import numpy as np
import pytest

import nonlin as nl
from nonlin.measure import peers
from nonlin.measure.peers.textbook import textbook

POINTS = np.linspace(-6, 6, 96, dtype=np.float32)  # 0, where slopes at a kink differ, is not among them
# torch.compile is torch's function again, and takes seconds for each.
PLAIN = [name for name in peers.LIBRARIES if name not in ("copy", "torch.compile")]


@pytest.fixture(scope="module", params=PLAIN)
def library(request):
    found = peers.library(request.param)
    found.use_threads(1)
    return found


@pytest.fixture(scope="module")
def compiled():
    return peers.library("torch.compile")


def test_value(library, activation):
    value = library.value(activation)
    if value is None:
        assert not library.ours
        return
    theirs = value(POINTS)
    assert theirs.dtype == np.float32 and theirs.shape == POINTS.shape
    np.testing.assert_allclose(theirs, activation(POINTS), rtol=1e-5, atol=1e-5)


def test_derivative(library, activation):
    derivative = library.derivative(activation)
    if derivative is None:
        assert library.name in ("onnxruntime", "numexpr", "numpy") or library.value(activation) is None
        return
    theirs = derivative(POINTS)
    assert theirs.dtype == np.float32 and theirs.shape == POINTS.shape
    np.testing.assert_allclose(theirs, activation.derivative(POINTS), rtol=1e-5, atol=1e-5)


def test_what_is_timed_exists_with_the_value(library, activation):
    """Whoever has a value has a forward pass, and whoever differentiates has a backward pass, except NumPy's arrays."""
    forward = library.forward(activation, POINTS)
    assert (forward is None) == (library.value(activation) is None)
    backward = library.forward_backward(activation, POINTS, POINTS)
    differentiates = library.derivative(activation) is not None and not library.name.startswith("nonlin numpy")
    assert (backward is not None) == differentiates
    for call in (forward, backward):
        if call is not None:
            call()


def test_forward_gives_the_value(library):
    """For those whose call returns what they computed."""
    if library.name == "onnxruntime":
        pytest.skip("it may write into memory bound before")
    result = library.forward(nl.relu, POINTS)()
    np.testing.assert_array_equal(np.asarray(result), nl.relu(POINTS))


# torch's own: it uses torch.jit
@pytest.mark.filterwarnings("ignore:`torch.jit.*` is deprecated:DeprecationWarning")
def test_torch_compile(compiled):
    np.testing.assert_allclose(compiled.value(nl.relu)(POINTS), nl.relu(POINTS))
    np.testing.assert_allclose(compiled.derivative(nl.relu)(POINTS), nl.relu.derivative(POINTS))


@pytest.mark.parametrize("name", ["torch", "jax", "onnxruntime", "numexpr", "numpy"])
@pytest.mark.parametrize("spec", ["leaky_relu(negative_slope=0.3)", "elu(alpha=1.5)", "softplus(beta=2.5)"])
def test_bound_parameters_reach_the_library_or_it_has_no_such_function(name, spec):
    activation = nl.get(spec)
    value = peers.library(name).value(activation)
    if value is None:
        assert (name, activation.name) in {("jax", "softplus"), ("onnxruntime", "softplus")}
    else:
        np.testing.assert_allclose(value(POINTS), activation(POINTS), rtol=1e-5, atol=1e-5)


def test_textbook_is_what_someone_writes_by_hand():
    exp_minus_x = ("exp", ("neg", "x"))
    assert textbook(nl.silu) == ("/", "x", ("+", 1, exp_minus_x))
    assert textbook(nl.softplus) == ("log1p", ("exp", "x"))
    assert textbook(nl.elu) == ("where", (">", "x", 0), "x", ("expm1", "x"))


def test_numexpr_computes_in_float32(activation):
    from nonlin.measure.peers.numexpr import own_text

    if (found := own_text(activation)) is not None:
        text, numbers = found
        assert all(number.dtype == np.float32 for number in numbers.values())
        assert "." not in text


def test_absent_names_the_packages(monkeypatch):
    monkeypatch.setattr(peers, "find_spec", lambda module: None if module in ("onnx", "jax") else object())
    monkeypatch.setattr(peers, "which", lambda program: None)
    assert peers.absent() == {"torch.compile": ("a C++ compiler",), "jax": ("jax",), "onnxruntime": ("onnx",)}


def test_no_warning_at_large_numbers():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert peers.library("numpy").value(nl.softplus)(np.float32([200.0]))[0] == np.inf
