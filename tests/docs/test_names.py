"""docs/names.md is what the catalogue says today."""

import runpy
from pathlib import Path

import pytest

import nonlin as nl

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = runpy.run_path(str(ROOT / "scripts" / "names.py"))


def test_page_is_up_to_date():
    written = (ROOT / "docs" / "names.md").read_text("utf-8")
    assert written == SCRIPT["page"](), "stale: run scripts/names.py"


def test_every_name_is_there():
    page = SCRIPT["page"]()
    for activation in nl.catalog.values():
        for name in (activation.name, *activation.aliases):
            assert f"`{name}`" in page


@pytest.mark.parametrize(
    ("name", "difference"),
    [("leaky_relu", "| Keras | `leaky_relu` | `negative_slope=0.2`"), ("hard_sigmoid", "| ONNX | `HardSigmoid` | "),
     ("gelu", "| JAX | `gelu` | approximate=True")],
)  # fmt: skip
def test_differing_defaults_are_said(name, difference):
    (line,) = [row for row in SCRIPT["page"]().splitlines() if row.startswith(f"| `{name}` |") and difference in row]
    assert line.endswith(" |")
