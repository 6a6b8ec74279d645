"""The plan: no seed is used twice, what may grow, and what refuses a folder."""

import json
from dataclasses import replace

import pytest

from nonlin.comparison.plan import Plan
from nonlin.errors import OutputError

PLAN = Plan(
    formulas={"relu": "max(0, x)", "tanh": "tanh(x)"},
    baseline="relu",
    seeds=3,
    learning_rates=(0.001, 0.01),
    epochs=2,
    batch_size=16,
    metric="accuracy",
    model="a model",
    weights="as drawn",
    frameworks=("torch",),
    data={"name": "toy", "samples": [6, 2, 2], "sha256": "0"},
)


def test_no_trial_is_there_twice_and_no_role_shares_a_seed():
    trials = [*PLAN.tuning("relu"), *PLAN.tuning("tanh"), *PLAN.final({"relu": 0.01, "tanh": 0.001})]
    assert len(set(trials)) == len(trials) == PLAN.count
    seeds = {role: {t.seed for t in trials if t.role == role} for role in ("tuning", "final", "control")}
    assert sum(map(len, seeds.values())) == len(set.union(*seeds.values()))


def test_every_activation_has_the_same_seeds():
    final = [t for t in PLAN.final({"relu": 0.01, "tanh": 0.001}) if t.role == "final"]
    assert [t.seed for t in final if t.activation == "relu"] == [t.seed for t in final if t.activation == "tanh"]


@pytest.mark.parametrize(("rate", "wider"), [(0.001, 0.0001), (0.01, 0.1)])
def test_the_range_is_widened_by_its_own_step(rate, wider):
    assert PLAN.wider(rate) == pytest.approx(wider)


def test_a_rate_inside_the_range_or_alone_widens_nothing():
    assert replace(PLAN, learning_rates=(0.001, 0.003, 0.01)).wider(0.003) is None
    alone = replace(PLAN, learning_rates=(0.01,))
    assert alone.wider(0.01) is None
    assert alone.tuning("relu") == []


CHANGED = {
    "epochs": (replace(PLAN, epochs=5), "epochs 2 -> 5"),
    "fewer seeds": (replace(PLAN, seeds=2), "seeds 3 -> 2"),
    "rates": (replace(PLAN, learning_rates=(0.1,)), "learning rates"),
    "metric": (replace(PLAN, metric="f1_macro"), "accuracy -> f1_macro"),
    "baseline": (replace(PLAN, baseline="tanh"), "relu -> tanh"),
    "model": (replace(PLAN, model="another"), "the model"),
    "weights": (replace(PLAN, weights="drawn otherwise"), "how weights are drawn"),
    "batch": (replace(PLAN, batch_size=8), "batch size 16 -> 8"),
    "data": (replace(PLAN, data={**PLAN.data, "sha256": "1"}), "the data"),
    "data size": (replace(PLAN, data={**PLAN.data, "samples": [7, 2, 2]}), "[6, 2, 2] -> [7, 2, 2]"),
    "one less": (replace(PLAN, formulas={"relu": "max(0, x)"}), "without tanh"),
    "a formula": (replace(PLAN, formulas={**PLAN.formulas, "tanh": "2*tanh(x)"}), "tanh(x) -> 2*tanh(x)"),
}


@pytest.mark.parametrize(("plan", "said"), CHANGED.values(), ids=CHANGED)
def test_a_changed_plan_is_refused_by_name_and_the_folder_is_left(tmp_path, plan, said):
    PLAN.settle_in(tmp_path)
    before = (tmp_path / "plan.json").read_bytes()
    with pytest.raises(OutputError) as caught:
        plan.settle_in(tmp_path)
    assert said in str(caught.value)
    assert (tmp_path / "plan.json").read_bytes() == before


@pytest.mark.parametrize("grown", [PLAN, replace(PLAN, seeds=5), replace(PLAN, formulas={**PLAN.formulas, "elu": "x"})])
def test_the_same_plan_more_seeds_and_more_activations_go_on(tmp_path, grown):
    PLAN.settle_in(tmp_path)
    grown.settle_in(tmp_path)
    assert json.loads((tmp_path / "plan.json").read_text())["seeds"] == grown.seeds


@pytest.mark.parametrize(("key", "value"), [("format", 0), ("environment", {"torch": "0.1"})])
def test_a_folder_of_another_version_is_refused(tmp_path, key, value):
    PLAN.settle_in(tmp_path)
    stored = json.loads((tmp_path / "plan.json").read_text()) | {key: value}
    (tmp_path / "plan.json").write_text(json.dumps(stored))
    with pytest.raises(OutputError, match=r"changed: (format 0|torch 0\.1)"):
        PLAN.settle_in(tmp_path)


def test_a_plan_that_cannot_be_read_is_refused(tmp_path):
    (tmp_path / "plan.json").write_text("{not json")
    with pytest.raises(OutputError, match="not a plan"):
        PLAN.settle_in(tmp_path)
