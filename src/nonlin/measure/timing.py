"""Times of several calls taken side by side: in every round each has its turn, so that what else happens on the
machine meets them all alike."""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Mapping
from itertools import repeat
from statistics import quantiles

from nonlin.measure.peers import Call

SAMPLE = 2_000_000  # nanoseconds at least that one sample lasts
WARMING = 20_000_000  # nanoseconds of calls before the first sample, for caches, clocks and allocators
# After a call a library's threads wait spinning for the next one. They are left to fall asleep before another's turn.
REST = 0.003  # seconds
# Blocks of memory that are taken anew in each round: where results come to lie decides whether a library writes to one
# place again and again or to two in turn, which is a quarter slower.
BLOCKS, LARGEST = 6, 12_000_000  # bytes
Times = tuple[float, float, float]  # median, lower and upper quartile


def side_by_side(calls: Mapping[str, Call], rounds: int, rest: bool = False) -> dict[str, Times]:
    """Nanoseconds of one call of each: median and quartiles over the rounds.

    A sample is as many calls as take 2 ms, after one that is not counted; the order is drawn anew in each round.
    `rest`: pause before each sample, for calls that compute with threads.
    """
    repeats = {name: _repeats(call) for name, call in calls.items()}
    order, draw = list(calls), random.Random(0)
    samples: dict[str, list[float]] = {name: [] for name in calls}
    collects = gc.isenabled()
    gc.disable()
    try:
        for _ in range(rounds):
            draw.shuffle(order)
            blocks = [bytearray(draw.randrange(LARGEST)) for _ in range(2 * BLOCKS)]
            del blocks[::2]
            for name in order:
                if rest:
                    time.sleep(REST)
                samples[name].append(_sample(calls[name], repeats[name]))
            gc.collect()
    finally:
        if collects:
            gc.enable()
    return {name: _times(values) for name, values in samples.items()}


def _repeats(call: Call) -> int:
    """How many calls make a sample, from the fastest one while warming up."""
    fastest, spent, begin = float("inf"), 0, time.perf_counter_ns()
    while spent < WARMING:
        before = time.perf_counter_ns()
        call()
        after = time.perf_counter_ns()
        fastest, spent = min(fastest, after - before), after - begin
    return max(1, round(SAMPLE / fastest))


def _sample(call: Call, repeats: int) -> float:
    call()  # what the others' turns have left of caches and of memory is not this one's time
    begin = time.perf_counter_ns()
    for _ in repeat(None, repeats):
        call()
    return (time.perf_counter_ns() - begin) / repeats


def _times(values: list[float]) -> Times:
    if len(values) == 1:
        return values[0], values[0], values[0]
    low, middle, high = quantiles(values, n=4, method="inclusive")
    return middle, low, high
