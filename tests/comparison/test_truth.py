"""benchmarks/truth.py in small: verdicts of a function against itself, a planted difference, and known results."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

PATH = Path(__file__).parents[2] / "benchmarks" / "truth.py"


@pytest.fixture(scope="module")
def truth():
    spec = importlib.util.spec_from_file_location("truth", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    return tmp_path_factory.mktemp("work")


def test_a_function_is_seldom_told_from_itself_and_nothing_is_run_twice(truth, work):
    found = truth.false_alarms(work, repetitions=5, names=3)
    assert found["alarms"] <= 1
    assert found["controls"] <= 1
    trials = truth.Trials(work / "alarms.jsonl", truth.defined(3))
    trials.train = None  # nothing is left to run
    assert [trials.repetition(number) for number in range(5)] == trials.known
    arms = np.array([trials.known[0][name] for name in ("same_0", "same_1", "control")])
    assert all((arms[i] != arms[j]).any() for i in range(3) for j in range(i))  # they share nothing but the data


def test_a_difference_far_above_the_noise_is_found(truth, work):
    (row,) = truth.planted(work, repetitions=4, thresholds=(1.2,))
    assert row["difference"] < -2 * row["noise_seen"] / truth.SEEDS**0.5
    assert row["found_worse"] >= 0.75
    assert row["found_better"] == 0
    assert row["predicted"] > 0.8


def test_twenty_layers_train_with_selu_and_relu_and_not_with_sigmoid(truth, work):
    found = truth.known_result(work, "20 layers", seeds=7, epochs=4, rates=[0.001])
    assert found["verdicts"]["sigmoid"] == "worse"
    assert found["verdicts"]["selu"] != "worse"
    assert found["means"]["sigmoid"] < 0.3 < 0.5 < min(found["means"]["relu"], found["means"]["selu"])
    assert "worse: sigmoid" in found["sentence"]
    assert found["said_in_the_report"]


def test_one_function_under_two_names_is_not_different(truth, work):
    found = truth.known_result(work, "one function, two names", seeds=6, epochs=3, rates=[0.001])
    assert found["verdicts"]["celu"] in ("practically equal", "undecided")
    assert found["sentence"].startswith("Nothing is better than elu")
    assert found["said_in_the_report"]


def test_near_relatives_are_not_told_apart(truth, work):
    found = truth.known_result(work, "near relatives", seeds=7, rates=[0.001])
    assert set(found["verdicts"].values()) <= {"baseline", "practically equal", "undecided"}
    assert found["sentence"].startswith("Nothing is better than gelu")
    assert found["said_in_the_report"]
