"""The plan: no seed is used twice, what may grow, and what refuses a folder."""

import json
from dataclasses import replace

import pytest

from nonlin.errors import OutputError


def test_no_trial_is_there_twice_and_no_role_shares_a_seed(plan):
    trials = [*plan.tuning("relu"), *plan.tuning("tanh"), *plan.final({"relu": 0.01, "tanh": 0.001})]
    assert len(set(trials)) == len(trials) == plan.count
    seeds = {role: {t.seed for t in trials if t.role == role} for role in ("tuning", "final", "control")}
    assert sum(map(len, seeds.values())) == len(set.union(*seeds.values()))


def test_every_activation_has_the_same_seeds(plan):
    final = [t for t in plan.final({"relu": 0.01, "tanh": 0.001}) if t.role == "final"]
    assert [t.seed for t in final if t.activation == "relu"] == [t.seed for t in final if t.activation == "tanh"]


@pytest.mark.parametrize(("rate", "wider"), [(0.001, 0.0001), (0.01, 0.1)])
def test_the_range_is_widened_by_its_own_step(plan, rate, wider):
    assert plan.wider(rate) == pytest.approx(wider)


def test_a_rate_inside_the_range_or_alone_widens_nothing(plan):
    assert replace(plan, learning_rates=(0.001, 0.003, 0.01)).wider(0.003) is None
    alone = replace(plan, learning_rates=(0.01,))
    assert alone.wider(0.01) is None
    assert alone.tuning("relu") == []


CHANGED = {
    "epochs": ({"epochs": 5}, "epochs 2 -> 5"),
    "fewer seeds": ({"seeds": 2}, "seeds 3 -> 2"),
    "rates": ({"learning_rates": (0.1,)}, "learning rates"),
    "metric": ({"metric": "f1_macro"}, "accuracy -> f1_macro"),
    "baseline": ({"baseline": "tanh"}, "relu -> tanh"),
    "model": ({"model": "another"}, "the model"),
    "weights": ({"weights": "drawn otherwise"}, "how weights are drawn"),
    "batch": ({"batch_size": 8}, "batch size 16 -> 8"),
    "data": ({"data": {"name": "toy", "samples": [6, 2, 2], "sha256": "1"}}, "the data"),
    "data size": ({"data": {"name": "toy", "samples": [7, 2, 2], "sha256": "1"}}, "[6, 2, 2] -> [7, 2, 2]"),
    "one less": ({"formulas": {"relu": "max(0, x)"}}, "without tanh"),
    "a formula": ({"formulas": {"relu": "max(0, x)", "tanh": "2*tanh(x)"}}, "tanh(x) -> 2*tanh(x)"),
}


@pytest.mark.parametrize(("change", "said"), CHANGED.values(), ids=CHANGED)
def test_a_changed_plan_is_refused_by_name_and_the_folder_is_left(plan, tmp_path, change, said):
    plan.settle_in(tmp_path)
    before = (tmp_path / "plan.json").read_bytes()
    with pytest.raises(OutputError) as caught:
        replace(plan, **change).settle_in(tmp_path)
    assert said in str(caught.value)
    assert (tmp_path / "plan.json").read_bytes() == before


GROWN = {"relu": "max(0, x)", "tanh": "tanh(x)", "elu": "x"}


@pytest.mark.parametrize("change", [{}, {"seeds": 5}, {"formulas": GROWN}])
def test_the_same_plan_more_seeds_and_more_activations_go_on(plan, tmp_path, change):
    grown = replace(plan, **change)
    plan.settle_in(tmp_path)
    grown.settle_in(tmp_path)
    assert json.loads((tmp_path / "plan.json").read_text())["seeds"] == grown.seeds


@pytest.mark.parametrize(("key", "value"), [("format", 0), ("environment", {"torch": "0.1"})])
def test_a_folder_of_another_version_is_refused(plan, tmp_path, key, value):
    plan.settle_in(tmp_path)
    stored = json.loads((tmp_path / "plan.json").read_text()) | {key: value}
    (tmp_path / "plan.json").write_text(json.dumps(stored))
    with pytest.raises(OutputError, match=r"changed: (format 0|torch 0\.1)"):
        plan.settle_in(tmp_path)


def test_a_plan_that_cannot_be_read_is_refused(plan, tmp_path):
    (tmp_path / "plan.json").write_text("{not json")
    with pytest.raises(OutputError, match="not a plan"):
        plan.settle_in(tmp_path)
