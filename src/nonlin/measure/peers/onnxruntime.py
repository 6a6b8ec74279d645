"""ONNX Runtime: a model of one node."""

from __future__ import annotations

from time import perf_counter_ns
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

from nonlin.activation import Activation
from nonlin.measure.peers.library import Call, Function, Library, named, spelled

# Where the operator's default is not the function of that name elsewhere, and no parameter of ours says so.
_ATTRIBUTES: dict[str, dict[str, float]] = {"HardSigmoid": {"alpha": 1 / 6}}
_TRIES = 7


class OnnxRuntime(Library):
    """ONNX Runtime on one node: `run`, or an IO binding with its output there already, whichever is faster."""

    name, module = "onnxruntime", "onnxruntime"

    def __init__(self) -> None:
        self._threads = 1

    def use_threads(self, count: int) -> None:
        self._threads = count

    def value(self, activation: Activation) -> Function | None:
        session = self._session(activation)
        return None if session is None else lambda x: session.run(None, {"x": x.ravel()})[0].reshape(x.shape)

    def forward(self, activation: Activation, x: Any) -> Call | None:
        session = self._session(activation)
        if session is None:
            return None
        feed, binding = {"x": x}, session.io_binding()
        binding.bind_ortvalue_input("x", onnxruntime.OrtValue.ortvalue_from_numpy(x))
        binding.bind_ortvalue_output("y", onnxruntime.OrtValue.ortvalue_from_numpy(np.empty_like(x)))
        ways: tuple[Call, ...] = (lambda: session.run(None, feed), lambda: session.run_with_iobinding(binding))
        return min(ways, key=_shortest)

    def _session(self, activation: Activation) -> Any:
        model = one_node(activation)
        if model is None:
            return None
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = self._threads, 1
        options.log_severity_level = 4  # an operator that it lacks is told by the exception
        try:
            return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # its own classes have no other base
            if type(error).__name__ in ("NotImplemented", "Fail", "InvalidGraph", "RuntimeException"):
                return None
            raise


def one_node(activation: Activation) -> bytes | None:
    """The model y = operator(x) for float32 of one axis, in the opset that the operator is from."""
    found = named(activation, "onnx")
    if found is None:
        return None
    schema = onnx.defs.get_schema(found.names[0])
    given = spelled(activation, found, schema.attributes)
    if given is None or schema.max_input > 1:  # a parameter that is an input, not an attribute
        return None
    given |= _ATTRIBUTES.get(schema.name, {})
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n"]) for name in "xy")
    graph = helper.make_graph([helper.make_node(schema.name, ["x"], ["y"], **given)], "one_node", [x], [y])
    opset = helper.make_opsetid("", schema.since_version)
    version = helper.find_min_ir_version_for([opset])  # the newest may be newer than the runtime
    return helper.make_model(graph, opset_imports=[opset], ir_version=version).SerializeToString()


def _shortest(call: Call) -> int:
    times: list[int] = []
    for _ in range(_TRIES):
        begin = perf_counter_ns()
        call()
        times.append(perf_counter_ns() - begin)
    return min(times)
