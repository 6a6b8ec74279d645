"""A comparison that is killed and stopped goes on where it was, and ends as if it had never been."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

import nonlin as nl

MEASURED = ["epoch_seconds"]  # the one column that two runs may differ in


def comparison(out):
    draw = np.random.default_rng(0)
    x = draw.normal(size=(400, 6))
    y = (x[:, 0] * x[:, 1] > 0).astype(int)
    return nl.compare(
        None, (x, y), activations=["relu", "tanh"], seeds=4, epochs=6, learning_rates=[1e-3, 1e-2], out=out
    )


def finished(journal):
    """How many trials the journal holds: each is one line with its outcome and one that completes it."""
    return journal.read_bytes().count(b'"values":[') if journal.exists() else 0


def interrupted(out, after, how):
    """Run in a process of its own until so many trials are finished, then send the signal; its standard error."""
    running = subprocess.Popen(
        [sys.executable, __file__, str(out)], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 120
    while finished(out / "journal.log") < after:
        assert running.poll() is None, running.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.002)
    running.send_signal(how)
    _, said = running.communicate(timeout=60)
    assert running.returncode != 0
    return said


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    return comparison(tmp_path_factory.mktemp("undisturbed"))


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_kill_and_stop_lose_no_finished_trial_and_change_no_number(tmp_path, undisturbed):
    journal = tmp_path / "journal.log"
    interrupted(tmp_path, 3, signal.SIGKILL)
    assert not (tmp_path / "report.html").exists()
    killed_at = finished(journal)
    assert 3 <= killed_at < len(undisturbed.trials)
    said = interrupted(tmp_path, killed_at + 4, signal.SIGINT)
    assert f"the folder {tmp_path} goes on" in said
    stopped_at = finished(journal)
    assert killed_at + 4 <= stopped_at < len(undisturbed.trials)
    resumed = comparison(tmp_path)
    assert finished(journal) == len(undisturbed.trials) == len(resumed.trials)
    for mine, theirs in ((resumed.table, undisturbed.table), (resumed.trials, undisturbed.trials)):
        pd.testing.assert_frame_equal(mine.drop(columns=MEASURED), theirs.drop(columns=MEASURED), check_exact=True)
    assert resumed.verdict == undisturbed.verdict
    assert resumed.noise_floor == undisturbed.noise_floor


def test_a_finished_folder_is_read_and_not_run_again(undisturbed):
    journal = undisturbed.report.with_name("journal.log")
    before = journal.read_bytes()
    again = comparison(undisturbed.report.parent)
    assert journal.read_bytes() == before
    pd.testing.assert_frame_equal(again.table, undisturbed.table, check_exact=True)


if __name__ == "__main__":
    # a shell that starts its commands in the background has them ignore Ctrl-C
    signal.signal(signal.SIGINT, signal.default_int_handler)
    comparison(sys.argv[1])
