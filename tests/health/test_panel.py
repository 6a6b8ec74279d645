"""What is said while a model trains: at a real terminal a panel on its last lines, elsewhere lines, and few of them."""

import io
import os
import sys
from itertools import pairwise

import pytest
import torch
from torch import nn

import nonlin as nl
from nonlin.health.panel import Panel

pty = pytest.importorskip("pty")


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def killed(model):
    model[0].bias[:12] = -50
    model[2].bias[:9] = -50


def watched(panel, clock, steps=60, name="Net", harm=killed):
    """Trains a model that is harmed at step 20, an hour a step."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(20, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 5))
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    with nl.watch(model, optimizer, every=1) as health:
        panel.add(name, health.record)
        health.on_sample(lambda _: panel.update())
        for step in range(steps):
            if step == 20:
                with torch.no_grad():
                    harm(model)
            optimizer.zero_grad()
            model(torch.randn(128, 20)).square().mean().backward()
            optimizer.step()
            clock.now += 3600


@pytest.fixture
def terminal(request, monkeypatch):
    """The program's end of a terminal of 90 columns, or as many as asked for, and 30 lines; and what it was sent."""
    import fcntl
    import struct
    import termios

    monkeypatch.setenv("TERM", "xterm-256color")
    ours, its = pty.openpty()
    columns = getattr(request, "param", 90)
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 30, columns, 0, 0))
    stream = os.fdopen(its, "w", encoding="utf-8")
    os.set_blocking(ours, False)

    def written():
        stream.flush()
        text = b""
        while True:
            try:
                text += os.read(ours, 1 << 16)
            except BlockingIOError:
                return text.decode()

    yield stream, written
    stream.close()
    os.close(ours)


class Drains(io.TextIOBase):
    """A terminal whose other end is read, as one does."""

    def __init__(self, stream, written):
        self.stream, self.written, self.text = stream, written, ""

    def write(self, text):
        self.stream.write(text)
        self.text += self.written()
        return len(text)

    def flush(self):
        pass

    def isatty(self):
        return self.stream.isatty()

    def fileno(self):
        return self.stream.fileno()


def test_lines_only_when_something_changed():
    stream, clock = io.StringIO(), Clock()
    watched(Panel(stream, clock), clock)
    lines = stream.getvalue().splitlines()
    said = [line.partition(": ")[2].partition(": ")[2] for line in lines]
    assert all(one != other for one, other in pairwise(said)) and len(said) < 20  # of 60 samples
    assert lines[0].startswith("nonlin: Net, step ")
    assert "alarm: 75 % dead units in 0 (relu) since step 2" in lines[0]


def test_lines_are_no_more_than_one_in_some_seconds():
    stream, clock = io.StringIO(), Clock()
    panel = Panel(stream, lambda: 0.0)
    watched(panel, clock)
    assert stream.getvalue() == ""  # within the first seconds nothing was wrong yet


def test_closed_stream_ends_the_panel_and_not_the_training():
    stream, clock = io.StringIO(), Clock()
    stream.close()
    watched(Panel(stream, clock), clock)


def test_panel_keeps_to_the_last_lines(terminal):
    stream, clock = Drains(*terminal), Clock()
    panel = Panel(stream, clock)
    assert panel.live
    watched(panel, clock)
    panel.close()
    screen, scrolled = shown(stream.text)
    assert "\x1b[1;20r" in stream.text  # only the lines above the panel scroll
    assert "Net, step" in stream.text and "75 % dead units in 0 (relu)" in stream.text
    assert scrolled == (1, 30)
    assert not any(line.strip() for line in screen)


def test_output_of_the_script_stays_as_it_was(terminal):
    stream, clock = Drains(*terminal), Clock()
    panel = Panel(stream, clock)
    stream.write("first\r\nhalf a li")
    watched(panel, clock, 25)
    stream.write("ne\r\n" + "".join(f"row {i}\r\n" for i in range(25)))
    screen, scrolled = shown(stream.text)
    assert scrolled == (1, 20)
    assert [line.strip() for line in screen[:19]] == [f"row {i}" for i in range(6, 25)]
    assert screen[20].startswith("╭─ Net, step ")
    panel.close()
    screen, _ = shown(stream.text.partition("row 0")[0])
    assert screen[0].strip() == "first" and screen[1].strip() == "half a line"


@pytest.mark.parametrize(
    ("terminal", "last"), [(90, "update/weight"), (60, "gradient"), (40, "saturated")], indirect=["terminal"]
)
def test_columns_are_left_out_and_no_number_is_cut(terminal, last):
    stream, clock = Drains(*terminal), Clock()
    panel = Panel(stream, clock)
    watched(panel, clock)
    screen, _ = shown(stream.text, columns=os.get_terminal_size(stream.fileno()).columns)
    head, first, second, *told = (line.strip("│ \n") for line in screen[21:29])
    assert head.startswith("layer  activation  dead") and head.endswith(last)
    assert first.startswith("0      relu         75%") and second.startswith("2      relu  ")
    assert all(len(row.split()) == len(head.split()) and "…" not in row for row in (first, second))
    assert "% dead units in 0 (relu)" in told[0] and "% dead units in 2 (relu)" in told[1]
    panel.close()


def test_the_heaviest_finding_of_all_models_comes_first(terminal):
    stream, clock = Drains(*terminal), Clock()
    panel = Panel(stream, clock)
    watched(panel, clock)
    watched(panel, clock, 22, "Late", harm=lambda model: model[2].weight[0].fill_(float("nan")))
    screen, _ = shown(stream.text)
    told = [line.strip("│ ") for line in screen if line.startswith("│ alarm")]
    assert told[0] == "alarm Late: a nan or an infinity began at 2 in step 20"
    assert told[1].startswith("alarm Net: 75 % dead units in 0 (relu) since step")
    panel.close()


@pytest.mark.parametrize("kind", ["dumb", ""])
def test_terminal_without_cursor_has_lines(terminal, monkeypatch, kind):
    monkeypatch.setenv("TERM", kind)
    assert not Panel(terminal[0]).live


def test_nothing_of_the_streams_is_replaced(terminal):
    before = sys.stdout, sys.stderr
    clock = Clock()
    panel = Panel(Drains(*terminal), clock)
    watched(panel, clock, 5)
    assert (sys.stdout, sys.stderr) == before
    panel.close()


def shown(text, lines=30, columns=90):
    """The screen after the text, and which lines scroll: as much of a terminal as the panel asks for."""
    import re

    screen = [[" "] * columns for _ in range(lines)]
    row = column = 0
    top, bottom, kept = 1, lines, (0, 0)
    for code, plain in re.findall(r"(\x1b(?:\[[0-9;]*[A-Za-z]|[78D]))|([^\x1b])", text):
        if code in ("\x1bD",) or plain == "\n":
            if row == bottom - 1:
                screen.insert(bottom, [" "] * columns)
                del screen[top - 1]
            else:
                row += 1
        elif plain == "\r":
            column = 0
        elif plain:
            screen[row][column] = plain
            column = min(column + 1, columns - 1)
        elif code == "\x1b7":
            kept = row, column
        elif code == "\x1b8":
            row, column = kept
        elif code.endswith("A"):
            row -= int(code[2:-1])
        elif code.endswith("H"):
            row, column = (int(n) - 1 for n in code[2:-1].split(";"))
        elif code.endswith("r"):
            top, bottom = (int(n) for n in code[2:-1].split(";")) if code != "\x1b[r" else (1, lines)
            row = column = 0
        elif code.endswith("2K"):
            screen[row] = [" "] * columns
        elif code.endswith("J"):
            screen[row:] = [[" "] * columns for _ in range(lines - row)]
        else:
            assert code.endswith("m"), repr(code)
    return ["".join(line) for line in screen], (top, bottom)
