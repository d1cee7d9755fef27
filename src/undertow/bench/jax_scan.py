"""A cell as a careful user of JAX writes it: lax.scan over time, the input's product before it, all of it jitted.

JAX's CPU backend takes as many threads as the process may use cores; there is no setting for it in the process.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch
from jax.nn import sigmoid
from torch import Tensor

from undertow import cells
from undertow.bench.problem import IN_INFERENCE, Problem, Results, Side
from undertow.cells.cell import Cell


@dataclass(frozen=True)
class Twin:
    """A cell in jax.numpy: what is computed of x for all steps at once, and a step that takes it."""

    before: Callable[[Any, Any], Any]  # x [T, B, I] and weights
    step: Callable[[Any, Any, Any], Any]  # state, what was computed of x, and weights


def walked(problem: Problem) -> Side:
    """The problem on JAX; the weights, x and the start state are copied once."""
    twin = TWINS[type(problem.cell)]
    weights = problem.cell.Weights(*map(_array, problem.weights))
    start = problem.cell.State(*map(_array, problem.start))
    x, along = _array(problem.x), _array(problem.along)

    def walk(x: Any, start: Any, weights: Any) -> Any:
        def step(state: Any, z: Any) -> Any:
            new = twin.step(state, z, weights)
            return new, new[0]

        return jax.lax.scan(step, start, twin.before(x, weights))[1]

    def both(x: Any, start: Any, weights: Any, along: Any) -> Any:
        y, back = jax.vjp(walk, x, start, weights)
        return y, back(along)

    infer, train = jax.jit(walk), jax.jit(both)

    def results() -> Results:
        y, (dx, dstart, dweights) = train(x, start, weights, along)
        found = {IN_INFERENCE: infer(x, start, weights), "y": y, "dx": dx}
        found |= {f"dstart.{name}": value for name, value in dstart._asdict().items()}
        found |= {f"dw.{name}": value for name, value in dweights._asdict().items()}
        return {name: torch.from_numpy(np.array(value)) for name, value in found.items()}

    done: Any = jax.block_until_ready
    return Side(
        infer=lambda: done(infer(x, start, weights)),
        train=lambda: done(train(x, start, weights, along)),
        results=results,
    )


def _array(tensor: Tensor) -> Any:
    return jnp.asarray(tensor.detach().numpy())


def _gates(x: Any, w: Any) -> Any:
    return x @ w.x.T + w.b


def _lstm(state: Any, z: Any, w: Any) -> Any:
    i, f, g, o = jnp.split(z + state.h @ w.h.T, 4, axis=-1)
    c = sigmoid(f) * state.c + sigmoid(i) * jnp.tanh(g)
    return state._replace(h=sigmoid(o) * jnp.tanh(c), c=c)


def _peephole_lstm(state: Any, z: Any, w: Any) -> Any:
    i, f, g, o = jnp.split(z + state.h @ w.h.T, 4, axis=-1)
    c = sigmoid(f + w.p[1] * state.c) * state.c + sigmoid(i + w.p[0] * state.c) * jnp.tanh(g)
    return state._replace(h=sigmoid(o + w.p[2] * c) * jnp.tanh(c), c=c)


def _reset_before_gru(state: Any, z: Any, w: Any) -> Any:
    hidden = state.h.shape[-1]
    x_r, x_z, x_n = jnp.split(z, 3, axis=-1)
    h_r, h_z = jnp.split(state.h @ w.h[: 2 * hidden].T, 2, axis=-1)
    r, keep = sigmoid(x_r + h_r), sigmoid(x_z + h_z)
    n = jnp.tanh(x_n + (r * state.h) @ w.h[2 * hidden :].T)
    return state._replace(h=(1 - keep) * n + keep * state.h)


TWINS: dict[type[Cell], Twin] = {
    cells.LSTM: Twin(_gates, _lstm),
    cells.PeepholeLSTM: Twin(_gates, _peephole_lstm),
    cells.ResetBeforeGRU: Twin(_gates, _reset_before_gru),
}
