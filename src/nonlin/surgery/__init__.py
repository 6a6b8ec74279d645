"""Activations of models that are there already: where they are, and others in their place.

`swap` is `nonlin.swap`, `activations` is `nonlin.activations`; both are for PyTorch models.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from nonlin.errors import MissingExtra

if TYPE_CHECKING:
    from nonlin.surgery.change import Change
    from nonlin.surgery.place import Places

__all__ = ["activations", "swap"]


def activations(model: Any, example_inputs: Any = None) -> Places:
    """Every activation of a PyTorch model: a table of where, which, how it is called and how often.

    `example_inputs` is what the model is called with: a tensor, a tuple of the arguments, or a mapping of keywords. One
    run in training and one in evaluation show the functions that forwards call (`F.relu(x)`, `x.relu_()`,
    `x.clamp(min=0)`); without it only layers and attributes are found. Both run on a copy that shares the parameters'
    memory, under a generator of their own: the model is bit for bit what it was. A layer or a function of a class or
    library that is not known is told by its values. Raises SwapError where the model does not run.

    >>> import torch, nonlin as nl
    >>> model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))
    >>> nl.activations(model, torch.zeros(1, 4))
    where  activation  how     calls  note
    --------------------------------------
    1      relu        module  1
    """
    _require()
    from nonlin.surgery.swapping import listed

    return listed(model, example_inputs)


def swap(model: Any, replace: Any, *, example_inputs: Any = None, gates: bool = False) -> Change:
    """Other activations in a PyTorch model, in place: `swap(model, {"relu": "gelu"}, example_inputs=x)`.

    `replace` maps what is there to what is to be there. A key is a name, a spec ("leaky_relu(negative_slope=0.2)": only
    with that slope), an Activation, or a place: its name in the model or what `activations` has returned. A value is a
    name, a spec, an Activation (a formula's too), a layer to be copied, a class or function that makes one, or
    "nonlin": nonlin's own of the same function. `swap(model, "nonlin")` does that to every elementwise one.

    Layers are replaced, shared ones by one; then callable attributes (`.activation`); then functions that a forward
    calls, inside it only. What worked in place still does. With `example_inputs` (see `activations`) a run in training
    and one in evaluation prove that nothing of the old is called any more; without, a forward that seems to call it is
    an error. Left unless the key is their place: gates (values in [0, 1] that multiply something; `gates=True` asks for
    all), and outputs of the model in [-1, 1] where the function is used inside too; softmax and its kind unless named.

    Returns what was changed, what is left, new parameters to learn, and `undo()`. Raises SwapError, with the model as
    it was, for what cannot be replaced: a recurrent layer's fused kernel, TorchScript, what is not there; and
    UnknownActivation, ParameterError for the mapping.

    >>> import torch, nonlin as nl
    >>> model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))
    >>> change = nl.swap(model, {"relu": "gelu"}, example_inputs=torch.zeros(1, 4))
    >>> change
    1 place changed, proved by a run in training and one in evaluation
    <BLANKLINE>
    where  activation  now   how     calls  note
    --------------------------------------------
    1      relu        gelu  module  1
    >>> model[1]
    GELU()
    >>> change.undo()
    >>> model[1]
    ReLU()
    """
    _require()
    from nonlin.surgery.swapping import swapped

    return swapped(model, replace, example_inputs, gates)


def _require() -> None:
    if find_spec("torch") is None:
        raise MissingExtra('not installed: torch: pip install "nonlin[torch]"')
