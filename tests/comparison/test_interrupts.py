"""Ctrl-C counts wherever it strikes, also where Python drops what it raises."""

import os
import signal

import pytest

from nonlin.comparison.interrupts import remembered_interrupts


@pytest.fixture(autouse=True)
def as_in_a_terminal():
    """A shell that starts its commands in the background has them ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class StruckWhileDying:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(1000):  # the handler runs between two instructions of this destructor
            pass


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_that_a_destructor_drops_is_raised_again():
    usual = signal.getsignal(signal.SIGINT)
    with remembered_interrupts() as check:
        check()
        struck = StruckWhileDying()
        del struck
        with pytest.raises(KeyboardInterrupt):
            check()
    assert signal.getsignal(signal.SIGINT) is usual


def test_an_interrupt_elsewhere_is_raised_at_once():
    with pytest.raises(KeyboardInterrupt), remembered_interrupts():
        signal.raise_signal(signal.SIGINT)
