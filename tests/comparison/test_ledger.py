"""The ledger: each trial once, whatever a killed process leaves behind."""

import pytest

from nonlin.comparison.ledger import FILE, ledger_in
from nonlin.comparison.plan import Trial
from nonlin.errors import OutputError

TRIALS = [Trial("final", name, 0.01, 1_000_000 + seed) for seed in range(3) for name in ("relu", "x + 'a\"b'")]


def work(ledger, count=None):
    done = []
    while (count is None or len(done) < count) and (taken := ledger.take()) is not None:
        number, trial = taken
        ledger.finish(number, {"score": trial.seed}, 0.5)
        done.append(trial)
    return done


def test_trials_come_once_in_order_with_their_outcomes(tmp_path):
    with ledger_in(tmp_path) as ledger:
        ledger.add(TRIALS)
        ledger.add(TRIALS)
        assert work(ledger) == TRIALS
        assert ledger.take() is None
        assert ledger.outcomes() == {t: {"score": t.seed} for t in TRIALS}


def test_a_trial_left_running_goes_back_and_the_finished_stay(tmp_path):
    with ledger_in(tmp_path) as ledger:
        ledger.add(TRIALS)
        work(ledger, 2)
        assert ledger.take()[1] == TRIALS[2]
    with ledger_in(tmp_path) as ledger:
        ledger.add(TRIALS)
        assert list(ledger.outcomes()) == TRIALS[:2]
        assert work(ledger) == TRIALS[2:]


@pytest.mark.parametrize("cut", [1, 20, 100])
def test_a_torn_last_line_costs_no_finished_trial(tmp_path, cut):
    """A kill in the middle of a write: the journal ends in half a line, and its lock is still there."""
    with ledger_in(tmp_path) as ledger:
        ledger.add(TRIALS)
        work(ledger, 3)
        ledger.take()
        number = ledger.take()[0]
        ledger.finish(number, {"score": "s" * 200}, 0.5)
    journal = tmp_path / FILE
    journal.write_bytes(journal.read_bytes()[:-cut])
    journal.with_name(FILE + ".lock").symlink_to(journal)
    with ledger_in(tmp_path) as ledger:
        assert list(ledger.outcomes()) == TRIALS[:3]
        work(ledger)
        assert set(ledger.outcomes()) == set(TRIALS)


def test_a_folder_is_one_process_s_at_a_time(tmp_path):
    with ledger_in(tmp_path), pytest.raises(OutputError, match="in use"), ledger_in(tmp_path):
        pass
