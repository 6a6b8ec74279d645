"""The plan before it runs: what it says, that it is kept, and what a budget makes of it."""

import json
import re
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

import nonlin as nl
from nonlin.comparison.forecast import forecast
from nonlin.comparison.pilot import RUNS, Pilot, pilot
from nonlin.comparison.plan import stored_in
from nonlin.comparison.planning import Asked, planned
from nonlin.comparison.power import detectable
from nonlin.errors import OutputError, ParameterError

DRAW = np.random.default_rng(0)
X = DRAW.normal(size=(400, 4))
Y = (X[:, 0] * X[:, 1] > 0).astype(int)


@dataclass
class Timed:
    """A trainer whose outcomes and epochs are known: the score is that of the seed, a second run takes as the first."""

    epochs: int
    scores: list[float | None]
    device: str = "cpu"
    trials: list = field(default_factory=list)

    def __call__(self, trial):
        self.trials.append((trial, self.epochs))
        score = self.scores[trial.seed % 1000]
        return {"score_test": score, "curves": {"seconds": [0.01] * self.epochs}, "diverged": None}


def known(scores, epochs=20):
    return Pilot(seconds=2.0, epochs=epochs, learning_rate=0.001, scores=tuple(scores))


def test_a_pilot_has_seeds_of_its_own_and_takes_a_tenth_of_the_time_at_most():
    for share, runs in ((1000, RUNS), (35, 3), (15, 0), (1, 0)):
        train = Timed(20, [0.9, 0.8, 0.85, 0.7])
        found = pilot(train, "relu", (0.001, 0.01), 20, lambda run, share=share: share * run)
        assert len(found.scores) == runs
        assert [epochs for _, epochs in train.trials] == [1, 2, *[20] * runs]
        assert {trial.role for trial, _ in train.trials} == {"pilot"}
        assert all(trial.seed >= 3_000_000 for trial, _ in train.trials)
        assert (found.noise is None) == (runs == 0)


def test_the_noise_of_a_difference_is_that_of_two_runs():
    found = known([0.9, 0.92])
    assert found.noise == pytest.approx(0.02)
    low, high = known([0.9, 0.91, 0.92, 0.93]).noise_range
    assert low < known([0.9, 0.91, 0.92, 0.93]).noise < high
    assert Pilot.from_dict(json.loads(json.dumps(found.as_dict()))) == found


def test_a_run_that_diverged_leaves_the_noise_unknown():
    assert pilot(Timed(5, [None, 0.8, 0.8, 0.8]), "relu", (0.1,), 5, lambda run: 1000 * run).noise is None


def lines(plan, scores=(0.90, 0.92, 0.91, 0.89), workers=1, margin=None):
    return forecast(replace(plan, pilot=known(scores, plan.epochs).as_dict()), workers, margin)


def test_the_forecast_says_how_many_how_long_and_what_it_can_tell(plan):
    plan = replace(plan, seeds=10, epochs=20)
    said = lines(plan)
    noise = known((0.90, 0.92, 0.91, 0.89)).noise
    assert said[0].startswith("1 activation against relu on toy (6 training, 2 validation, 2 test samples)")
    assert said[1] == "weights: as drawn"
    assert said[2].startswith(f"{plan.count} runs of 20 epochs: 8 choose learning rates (0.001, 0.01), then 10 seeds")
    assert said[3].startswith(f"about {2 * plan.count // 60} min")
    assert f"differ by {noise:.2g} in test accuracy (standard deviation, from 4 runs of 20 epochs" in said[4]
    assert f"a difference of {detectable(10, 1, noise):.2g} in test accuracy is found with a chance of 80%" in said[5]
    (more,) = re.findall(r"takes (\d+) seeds", said[5])
    assert int(more) > 10


def test_workers_share_the_time(plan):
    plan = replace(plan, seeds=10, epochs=20)
    assert lines(plan, workers=2)[3].startswith(f"about {plan.count} s by 2 workers")


def test_a_margin_that_is_smaller_than_what_can_be_told_is_said(plan):
    assert "one of the margin, 0.001, takes" in lines(replace(plan, seeds=10), margin=0.001)[5]
    assert "margin" not in lines(replace(plan, seeds=10), margin=0.5)[5]


def test_too_few_seeds_can_decide_nothing(plan):
    assert "can decide nothing: the smallest p of 3 seeds is 0.25" in lines(plan)[5]
    assert "takes at least 6 seeds" in lines(plan)[5]


def test_noise_that_is_not_known_is_said_and_none_is_no_problem(plan):
    assert "noise: not known beforehand" in lines(replace(plan, seeds=8), scores=())[4]
    assert "standard deviations of that noise" in lines(replace(plan, seeds=8), scores=())[5]
    assert "differ by 0 in" in lines(replace(plan, seeds=8), scores=(0.9, 0.9))[4]


# With a folder -----------------------------------------------------------------------------------------------------


def asked(**given):
    return Asked(**{"seeds": None, "learning_rates": None, "epochs": None, "budget": None, **given})


def test_the_pilot_of_a_folder_is_not_run_again(plan, tmp_path):
    train = Timed(20, [0.9, 0.8, 0.85, 0.7])
    scope = asked(seeds=10, learning_rates=(0.001, 0.01), epochs=20)
    plan = replace(plan, seeds=10, epochs=20)
    first = planned(plan, scope, train, tmp_path, stored_in(tmp_path), 1, "cpu")
    first.settle_in(tmp_path)
    ran = len(train.trials)
    assert planned(plan, scope, train, tmp_path, stored_in(tmp_path), 1, "cpu") == first
    assert len(train.trials) == ran
    other = replace(plan, data={**plan.data, "sha256": "1"})
    with pytest.raises(OutputError, match="the data"):
        planned(other, scope, train, tmp_path, stored_in(tmp_path), 1, "cpu")
    assert len(train.trials) == ran


def test_a_folder_under_a_budget_goes_on_with_its_scope(plan, tmp_path):
    train = Timed(20, [0.9, 0.8, 0.85, 0.7])
    plan = replace(plan, learning_rates=(0.0003, 0.001, 0.003, 0.01), epochs=20, seeds=10, budget=0.5)
    first = planned(plan, asked(budget="0.5s"), train, tmp_path, stored_in(tmp_path), 1, "cpu")
    first.settle_in(tmp_path)
    assert train.epochs == first.epochs
    # A second look finds another speed; the scope is the folder's.
    path = tmp_path / "plan.json"
    stored = json.loads(path.read_text())
    path.write_text(json.dumps({**stored, "pilot": {**stored["pilot"], "seconds": 1e-6}}))
    again = planned(plan, asked(budget="0.5s"), Timed(20, []), tmp_path, stored_in(tmp_path), 1, "cpu")
    assert (again.seeds, again.learning_rates, again.epochs) == (first.seeds, first.learning_rates, first.epochs)
    more = planned(
        replace(plan, budget=60.0), asked(budget="60s"), Timed(20, []), tmp_path, stored_in(tmp_path), 1, "cpu"
    )
    assert more.seeds > first.seeds
    assert (more.learning_rates, more.epochs) == (first.learning_rates, first.epochs)
    more.settle_in(tmp_path)


def test_compare_under_a_budget_and_again(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("nonlin.comparison.budget.MOST_SEEDS", 8)  # which a slow machine has the time for too
    settings = {"activations": ["tanh"], "budget": "10m", "epochs": 1, "learning_rates": [1e-3], "out": tmp_path}
    found = nl.compare(None, (X, Y), **settings)
    said = capsys.readouterr().err
    assert f"{found.plan.count} runs of" in said
    assert "can tell" in said or "can decide nothing" in said
    assert json.loads((tmp_path / "plan.json").read_text())["budget"] == 600
    again = nl.compare(None, (X, Y), **settings)
    assert len(again.trials) == len(found.trials)
    assert again.table.equals(found.table)


def test_a_machine_that_joins_goes_by_the_plan_of_the_first(plan, tmp_path):
    plan = replace(plan, learning_rates=(0.0003, 0.001, 0.003, 0.01), epochs=20, seeds=10, budget=0.5)
    first = planned(plan, asked(budget="0.5s"), Timed(20, [0.9, 0.8, 0.85, 0.7]), tmp_path / "here", None, 1, "cpu")
    quicker = Timed(20, [])
    stored = json.loads(json.dumps(first.as_dict()))
    joined = planned(plan, asked(budget="0.5s"), quicker, tmp_path / "there", stored, 8, "cpu")
    assert joined == first
    assert quicker.trials == []
    assert quicker.epochs == first.epochs


@pytest.mark.parametrize(("budget", "said"), [("1ms", "budget: '1ms'"), ("0.000001s", "too small for anything")])
def test_a_budget_that_cannot_be_kept_is_refused(tmp_path, budget, said):
    with pytest.raises(ParameterError) as caught:
        nl.compare(None, (X, Y), activations=["tanh"], budget=budget, out=tmp_path / "out")
    assert said in str(caught.value)
