"""Modules that several tests swap in."""

import pytest
import torch
from torch import nn


class Excitation(nn.Module):
    """A gate: its values multiply what it has not come from alone."""

    def __init__(self, gate):
        super().__init__()
        self.down, self.up, self.gate = nn.Linear(6, 3), nn.Linear(3, 6), gate

    def forward(self, x):
        h = torch.sigmoid(self.down(x))
        return x * self.gate(self.up(h)).view_as(x)


@pytest.fixture
def excitation():
    return Excitation
