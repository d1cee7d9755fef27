"""Answers from outside: a textbook's backward pass written by hand, a formula in numpy, and onnxruntime.

Letters: T time steps, B batch rows, I input features, H hidden units, D directions, G gates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper
from torch import Tensor

Array = NDArray[np.float64]


@dataclass
class Textbook:
    """The vanilla RNN as it is taught: columns are vectors, one sequence at a time, gradients by hand."""

    ax: Array  # [H, I]
    aa: Array  # [H, H]
    ya: Array  # [classes, H]
    b: Array  # [H]
    by: Array  # [classes]

    def forward(self, x: Array, labels: NDArray[np.int64]) -> tuple[list[Array], list[Array], float]:
        """States a_0..a_T, predictions ŷ_1..ŷ_T, and the loss Σ −log ŷ[label]."""
        states, predictions, loss = [np.zeros(len(self.b))], [], 0.0
        for x_t, label in zip(x, labels, strict=True):
            states.append(np.tanh(self.aa @ states[-1] + self.ax @ x_t + self.b))
            z = self.ya @ states[-1] + self.by
            predictions.append(np.exp(z) / np.exp(z).sum())
            loss -= np.log(predictions[-1][label])
        return states, predictions, loss

    def backward(self, x: Array, labels: NDArray[np.int64]) -> dict[str, Array]:
        """The gradients by parameter, and `a`, the gradient that reaches each state, [T, H]."""
        states, predictions, _ = self.forward(x, labels)
        d = {name: np.zeros_like(value) for name, value in vars(self).items()}
        d["a"] = np.zeros((len(x), len(self.b)))
        du_next = np.zeros(len(self.b))
        for t in reversed(range(len(x))):
            a, a_before = states[t + 1], states[t]
            dz = predictions[t] - np.eye(len(self.by))[labels[t]]
            d["ya"] += np.outer(dz, a)
            d["by"] += dz
            da = self.ya.T @ dz + self.aa.T @ du_next
            du = da * (1 - a**2)
            d["ax"] += np.outer(du, x[t])
            d["aa"] += np.outer(du, a_before)
            d["b"] += du
            d["a"][t], du_next = da, du
        return d


def highway_step(x: Array, h: Array, w: Any) -> Array:
    """One step of a recurrent highway network (Zilly et al. 2017, eq. 6-8), weights as undertow stacks them."""
    s = h
    for layer, (recurrent, bias) in enumerate(zip(w.h, w.b, strict=True)):
        z = s @ recurrent.T + bias + (x @ w.x.T if layer == 0 else 0)
        candidate, gate = np.tanh(z[:, : h.shape[1]]), 1 / (1 + np.exp(-z[:, h.shape[1] :]))
        s = candidate * gate + s * (1 - gate)
    return s


def blocks(stacked: Tensor, order: tuple[int, ...]) -> Tensor:
    """The G gates stacked on the first axis, in another order."""
    gates = stacked.chunk(len(order))
    return torch.cat([gates[gate] for gate in order])


@dataclass(frozen=True)
class OnnxWeights:
    """One direction in ONNX's layout: LSTM stacks i, o, f, g; GRU stacks z, r, n; peepholes i, o, f."""

    W: Tensor  # [G·H, I]
    R: Tensor  # [G·H, H]
    B: Tensor  # [2·G·H], biases of W, then those of R
    P: Tensor | None = None  # [3·H]


def onnx_lstm(w: Any) -> OnnxWeights:
    order = (0, 3, 1, 2)
    bias = blocks(w.b, order)
    peepholes = blocks(w.p, (0, 2, 1)).flatten() if hasattr(w, "p") else None
    return OnnxWeights(blocks(w.x, order), blocks(w.h, order), torch.cat([bias, 0 * bias]), peepholes)


def onnx_coupled(w: Any) -> OnnxWeights:
    """`input_forget=1` has f = 1 − i where ours has i = 1 − f, and 1 − σ(z) = σ(−z): i is f negated.

    The rows of f are never read; they are filled with 7.
    """

    def four(stacked: Tensor) -> Tensor:
        f, g, o = stacked.chunk(3)
        return torch.cat([-f, o, torch.full_like(f, 7), g])

    return OnnxWeights(four(w.x), four(w.h), torch.cat([four(w.b), 0 * four(w.b)]))


def onnx_gru(w: Any) -> OnnxWeights:
    order = (1, 0, 2)
    recurrent = torch.zeros_like(w.b)
    if hasattr(w, "q"):
        recurrent[-len(w.q) :] = w.q
    return OnnxWeights(blocks(w.x, order), blocks(w.h, order), torch.cat([blocks(w.b, order), recurrent]))


def onnx_run(
    node: str,
    directions: list[OnnxWeights],
    x: Tensor,
    start: list[Any],
    lengths: Tensor | None,
    **settings: Any,
) -> tuple[Tensor, ...]:
    """y as [T, B, D·H], then the last state of each field as [D, B, H].

    One node, float32, opset 14, on the CPU.
    """
    hidden = directions[0].R.shape[1]
    inputs = {"X": x, **{name: _stack(directions, name) for name in ("W", "R", "B")}, "sequence_lens": None}
    if lengths is not None:
        inputs["sequence_lens"] = lengths.int()
    fields = list(zip(*start, strict=True))
    inputs |= {f"initial_{name}": torch.stack(field) for name, field in zip("hc", fields, strict=False)}
    if directions[0].P is not None:
        inputs["P"] = _stack(directions, "P")
    given = {name: value.detach().numpy() for name, value in inputs.items() if value is not None}
    outputs = ["Y", "Y_h", "Y_c"][: 1 + len(fields)]
    direction = "bidirectional" if len(directions) == 2 else "forward"
    single = helper.make_node(
        node,
        [name if name in given else "" for name in inputs],
        outputs,
        hidden_size=hidden,
        direction=direction,
        **settings,
    )
    kinds = {
        name: TensorProto.INT32 if value.dtype == np.int32 else TensorProto.FLOAT
        for name, value in given.items()
    }
    graph = helper.make_graph(
        [single],
        node,
        [helper.make_tensor_value_info(name, kinds[name], value.shape) for name, value in given.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 3, 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    y, *last = (torch.from_numpy(value) for value in session.run(None, given))
    return (y.transpose(1, 2).flatten(2), *last)  # [T, D, B, H] → [T, B, D·H]


def _stack(directions: list[OnnxWeights], name: str) -> Tensor:
    return torch.stack([getattr(direction, name) for direction in directions])
