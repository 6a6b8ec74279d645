"""A comparison of seconds for the tests of workers, which also runs as a script that the tests kill.

Its model writes one byte to a file for each batch that it is trained on, so that what was done twice can be counted.
"""

import json
import signal
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

import nonlin as nl
from nonlin.comparison.plan import PILOT_SEEDS

EPOCHS, BATCHES = 10, 8  # batches an epoch
REDONE = (
    BATCHES + 1
)  # the most that a kill may cost: an epoch, and after the last one the step whose memory is measured
MEASURED = ["epoch_seconds"]  # the one column that two runs may differ in


def comparison(out, count=None, seeds=4, activations=("relu", "tanh"), epochs=EPOCHS, **engine):
    draw = np.random.default_rng(0)
    x = draw.normal(size=(400, 6))
    y = (x[:, 0] * x[:, 1] > 0).astype(int)

    def counted(module, given):
        if module.training:
            with open(count, "ab", buffering=0) as file:
                file.write(b".")

    def make_model(activation):
        model = nn.Sequential(
            nn.Linear(6, 16), activation(), nn.Dropout(0.1), nn.BatchNorm1d(16), nn.Linear(16, 16), activation(),
            nn.Linear(16, 2))  # fmt: skip
        if count is not None and torch.initial_seed() < PILOT_SEEDS:  # the pilot's runs are not trials
            model.register_forward_pre_hook(counted)
        return model

    return nl.compare(make_model, (x, y), activations=list(activations), seeds=seeds, epochs=epochs,
                      learning_rates=[1e-3, 1e-2], out=out, **engine)  # fmt: skip


def batches(count):
    """How many batches were trained on."""
    return Path(count).stat().st_size


def assert_same(mine, theirs):
    """The two comparisons agree in every bit of what is not a measured time, and every trial is there once."""
    keys = ["role", "activation", "learning_rate", "seed"]
    assert not mine.trials.duplicated(keys).any()
    for ours, others in ((mine.table, theirs.table), (mine.trials, theirs.trials)):
        pd.testing.assert_frame_equal(ours.drop(columns=MEASURED), others.drop(columns=MEASURED), check_exact=True)
    assert mine.verdict == theirs.verdict
    assert mine.noise_floor == theirs.noise_floor


if __name__ == "__main__":
    # a shell that starts its commands in the background has them ignore Ctrl-C
    signal.signal(signal.SIGINT, signal.default_int_handler)
    settings = json.loads(sys.argv[1])
    if "room" in settings:  # a disk that is full, as far as a process can have one of its own: no file grows beyond it
        import resource

        room = settings.pop("room")
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
    comparison(**settings)
