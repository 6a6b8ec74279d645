"""Bad input gives one line that names the value and the remedy; the textbook's examples hold."""

import numpy as np
import pandas as pd
import pytest

import nonlin as nl
from nonlin.errors import DtypeError, FormulaError, NonlinError, ParameterError, UnknownActivation


def test_the_textbook():
    assert nl.relu(5) == 5
    assert nl.relu(-3) == 0
    assert nl.relu([1, -2, 3]).tolist() == [1, 0, 3]
    assert nl.relu([1, -2, 3]).dtype == np.int64
    assert nl.relu.derivative([-1.0, 0.0, 0.5, 7.0]).tolist() == [0, 0, 1, 1]
    assert repr(nl.relu([1, -2, 3])) == "array([1, 0, 3])"
    assert [nl.relu(5), nl.relu(-3)] == [5, 0] and type(nl.relu(5)) is int
    assert nl.leaky_relu(-2.0, alpha=0.1) == -0.2


CASES = [
    (lambda: nl.get("relo"), UnknownActivation, "did you mean 'relu'"),
    (lambda: nl.get("leaky_relu(0.2)"), ParameterError, "name=0.5"),
    (lambda: nl.get("swish(beta=high)"), ParameterError, "beta=high"),
    (lambda: nl.get("swish(gamma=1)"), ParameterError, "gamma"),
    (lambda: nl.get("swish((1)"), UnknownActivation, r"swish\(\(1\)"),
    (lambda: nl.get(3), UnknownActivation, "3"),
    (lambda: nl.get(""), UnknownActivation, "''"),
    (lambda: nl.relu(1.0, slope=2), ParameterError, "slope"),
    (lambda: nl.leaky_relu(1.0, negative_slop=2), ParameterError, "did you mean 'negative_slope'"),
    (lambda: nl.leaky_relu(1.0, negative_slope=1, alpha=2), ParameterError, "given twice"),
    (lambda: nl.celu(1.0, alpha=0.0), ParameterError, "alpha must be != 0"),
    (lambda: nl.softplus(1.0, beta=-1.0), ParameterError, "beta must be > 0"),
    (lambda: nl.softplus([1.0], beta=np.array([1.0, -1.0])), ParameterError, "beta must be > 0"),
    (lambda: nl.hard_tanh(1.0, min_val=2.0), ParameterError, "min_val"),
    (lambda: nl.swish(1.0, beta="2"), ParameterError, "'2'"),
    (lambda: nl.swish(1.0, beta=None), ParameterError, "None"),
    (lambda: nl.swish.bind(beta=[1, 2]), ParameterError, "one number"),
    (lambda: nl.swish.bind(beta=1.5)(1.0, beta=2.0), ParameterError, "fixed"),
    (lambda: nl.relu.derivative(1.0, order=-1), ParameterError, "-1"),
    (lambda: nl.relu.derivative(1.0, order=1.5), ParameterError, "1.5"),
    (lambda: nl.relu.derivative(1.0, wrt="alpha"), ParameterError, "alpha"),
    (lambda: nl.relu(1j), DtypeError, "1j"),
    (lambda: nl.relu("one"), DtypeError, "one"),
    (lambda: nl.relu(None), DtypeError, "None"),
    (lambda: nl.relu(np.array([1 + 1j])), DtypeError, "complex128"),
    (lambda: nl.relu(np.array(["a"])), DtypeError, "<U1"),
    (lambda: nl.relu(np.array([{}])), DtypeError, "object"),
    (lambda: nl.relu(np.array(["2020-01-01"], "M8[D]")), DtypeError, "datetime64"),
    (lambda: nl.gelu([1.0], out=np.zeros(1, np.int64)), DtypeError, "int64"),
    (lambda: nl.define("relu", "x"), FormulaError, "relu"),
    (lambda: nl.define("two words", "x"), FormulaError, "two words"),
    (lambda: nl.define("mine", "x + q"), FormulaError, "column 5: q"),
    (lambda: nl.define("mine", "a*x", a="1"), ParameterError, "'1'"),
    (lambda: nl.define("mine", "a*x", a=float("nan")), ParameterError, "nan"),
    (lambda: nl.define("mine", "x*x", x=1.0), FormulaError, "'x'"),
    (lambda: nl.define("mine", "a*x", a=-1.0, constraints={"a": "> 0"}), ParameterError, "a must be > 0"),
    (lambda: nl.define("mine", "a*x", a=1.0, constraints={"b": "> 0"}), ParameterError, "'b'"),
    (lambda: nl.define("mine", "a*x", a=1.0, constraints={"a": "positive"}), ParameterError, "positive"),
]


@pytest.mark.parametrize(("call", "kind", "names"), CASES)
def test_bad_input_names_the_value_and_the_remedy(call, kind, names):
    with pytest.raises(kind, match=names) as caught:
        call()
    message = str(caught.value)
    assert isinstance(caught.value, NonlinError)
    assert "\n" not in message and message.count(": ") >= 1


def test_an_unknown_attribute_is_an_attribute_error():
    with pytest.raises(AttributeError, match="did you mean 'relu'"):
        _ = nl.relo
    assert not hasattr(nl, "__path_of_nothing__")


def test_pandas_comes_back_as_pandas(activation):
    frame = pd.DataFrame({"a": [1, -2], "b": [-1.5, 2.0]}, index=["p", "q"])
    got = activation(frame)
    assert isinstance(got, pd.DataFrame) and list(got.columns) == ["a", "b"] and list(got.index) == ["p", "q"]
    np.testing.assert_array_equal(got.to_numpy(), activation(frame.to_numpy()))
    series = pd.Series([0.5, -0.5], name="s", dtype="float32")
    got = activation(series)
    assert got.name == "s" and got.dtype == np.float32
    with pytest.raises(DtypeError):
        activation(pd.Series(["a", "b"]))
    softmax = nl.softmax(frame)
    assert isinstance(softmax, pd.DataFrame)


def test_definitions_are_found_by_name_and_can_be_replaced():
    first = nl.define("mine_again", "x*2")
    assert nl.get("mine_again") == first
    second = nl.define("mine_again", "x*3")
    assert nl.get("mine_again") == second and nl.mine_again(1.0) == 3.0
    assert "mine_again" not in nl.catalog


def test_defining_what_the_catalogue_has_gives_the_catalogues_own(activation):
    if activation.name in nl.catalog:
        assert (
            nl.define(
                activation.name,
                f" {activation.definition.text} ",
                surrogate=activation.surrogate,
                **activation.definition.defaults,
            )
            is activation
        )
        with pytest.raises(FormulaError, match="catalogue"):
            nl.define(activation.name, f"2*({activation.definition.text})", **activation.definition.defaults)
    assert nl.define("snake", "x + sin(a*x)**2 / a", a=1.0) is nl.snake
