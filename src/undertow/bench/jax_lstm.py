"""An LSTM as JAX users write it: lax.scan over time, jitted, with its gradient."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch
from torch import Tensor

from undertow import cells
from undertow.bench.peers import Pair
from undertow.errors import SettingError
from undertow.recurrent.recurrent import Recurrent


def pair(layer: Recurrent, x: Tensor, along: Tensor) -> Pair:
    """The actions of `undertow.bench.peers` on JAX's CPU backend."""
    if not isinstance(layer.cell, cells.LSTM):
        raise SettingError("--against jax is written for the LSTM only: give --cells lstm.")
    weights = tuple(jnp.asarray(w.detach().numpy()) for w in layer.weights(0))
    inputs, pull = jnp.asarray(x.detach().numpy()), jnp.asarray(along.numpy())
    walk = jax.jit(_walk)
    gradient = jax.jit(jax.grad(lambda w, x: (_walk(w, x) * pull).sum(), argnums=(0, 1)))

    def answer() -> Tensor:
        return torch.from_numpy(np.asarray(walk(weights, inputs)).copy())

    return Pair(
        infer=lambda: walk(weights, inputs).block_until_ready(),
        train=lambda: jax.block_until_ready(gradient(weights, inputs)),
        answer=answer,
    )


def _walk(weights: Any, x: Any) -> Any:
    w_x, w_h, b = weights
    hidden = w_h.shape[1]
    zero = jnp.zeros((x.shape[1], hidden), x.dtype)

    def step(state: Any, z: Any) -> Any:
        h, c = state
        i, f, g, o = jnp.split(z + h @ w_h.T, 4, axis=-1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    return jax.lax.scan(step, (zero, zero), x @ w_x.T + b)[1]
