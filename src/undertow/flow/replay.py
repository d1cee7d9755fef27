"""torch.nn.RNN, LSTM and GRU in time: what they read on a measured step is walked again by our own engines.

Input, start state and the gradients that came to their outputs are kept on the way; after backward the same weights
walk once more, with the same draws of dropout, and backward sends the same gradients in. That is a second pass over
the layer, so it is made at the interval only, and of a large batch by a few rows: norms over the batch are then
estimated, gradients by what these rows have of all that came to the layer's outputs. Where the second walk does not
give the first one's outputs, because something else has changed them, nothing is recorded.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import PackedSequence
from torch.utils.hooks import RemovableHandle

from undertow.flow.guard import Guard
from undertow.flow.records import Time
from undertow.flow.time import seen_of, time_of
from undertow.flow.undisturbed import devices_of, draw_from, draws_now
from undertow.recurrent import torch_like
from undertow.recurrent.packed import unpack
from undertow.recurrent.stack import Call, Passage, run

NEAR = {torch.float64: 1e-9, torch.float32: 1e-3}  # of the largest output: two engines lie closer
ROUGH = 0.05  # of dtypes with fewer digits
FEW = 8  # rows that walk again, of a larger batch
THEIRS = (nn.RNN.forward, nn.LSTM.forward, nn.GRU.forward)


@dataclass
class _Call:
    """One call of one layer."""

    name: str
    module: nn.RNNBase
    x: Any
    hx: Any
    draws: Any  # where torch's generators stood before it
    outputs: list[Tensor]  # without their graph
    gradients: dict[int, Tensor] = field(default_factory=dict)  # of y, h_n, c_n


@dataclass
class Replays:
    """Watches torch's recurrent layers of one model through one step."""

    layers: dict[nn.Module, str]
    guard: Guard = field(default_factory=Guard)
    calls: list[_Call] = field(default_factory=list)
    handles: list[RemovableHandle] = field(default_factory=list)
    draws: dict[nn.Module, Any] = field(default_factory=dict)  # where the generators stood when a call began
    first: Any = field(default_factory=lambda: draws_now([]))

    def listen(self) -> None:
        """Lay the hooks."""
        for layer in self.layers:
            self.handles.append(layer.register_forward_pre_hook(self.guard(self._begins)))
            self.handles.append(layer.register_forward_hook(self.guard(self._ended), with_kwargs=True))

    def forget(self) -> None:
        """Let go of all that was seen."""
        self.calls = []

    def leave(self) -> None:
        """Take them off."""
        for handle in self.handles:
            handle.remove()
        self.handles = []

    def times(self) -> tuple[Time, ...]:
        """Every call whose gradient came back, walked again."""
        found: list[Time] = []
        for call in self.calls:
            if call.gradients:
                found += _walked_again(call)
        return tuple(found)

    def passages(self) -> list[Passage]:
        """Every call walked again, with nothing sent back."""
        found: list[Passage] = []
        for call in self.calls:
            x = _input(call).requires_grad_()
            found += _again(call, x, torch.arange(x.shape[1], device=x.device)).passages
        return found

    def _begins(self, module: nn.Module, _: Any) -> None:
        self.draws[module] = draws_now(devices_of(module))

    def _ended(self, module: nn.Module, arguments: Any, named: Any, output: Any) -> None:
        x = arguments[0] if arguments else named["input"]
        hx = arguments[1] if len(arguments) > 1 else named.get("hx")
        if not isinstance(module, nn.RNNBase) or module not in self.layers:  # a replica
            return
        # The module that is watched whole was already begun when hooks were laid.
        draws = self.draws.pop(module, self.first)
        given = _outputs(output)
        call = _Call(self.layers[module], module, x, hx, draws, [t.detach() for t in given])
        self.calls.append(call)
        for number, tensor in enumerate(given):
            if tensor.requires_grad:
                tensor.register_hook(_keeper(call, number))  # type: ignore[no-untyped-call]


def replayable(model: nn.Module) -> dict[nn.Module, str]:
    """torch's own recurrent layers, by name."""
    kinds = (nn.RNN, nn.LSTM, nn.GRU)  # not what overrides them
    return {m: n for n, m in model.named_modules() if isinstance(m, kinds) and type(m).forward in THEIRS}


def _outputs(output: Any) -> list[Tensor]:
    y, last = output
    first = y.data if isinstance(y, PackedSequence) else y
    return [first, *(last if isinstance(last, tuple) else (last,))]


def _keeper(call: _Call, number: int) -> Callable[[Tensor | None], None]:
    def keep(gradient: Tensor | None) -> None:
        if gradient is not None:  # a fused layer whose graph is walked again leaves out what it does not need
            call.gradients[number] = gradient.detach()

    return keep


def _walked_again(call: _Call) -> list[Time]:
    """Every layer and direction in numbers, by the gradients that came to the first walk's outputs."""
    gradients, x = _gradients(call), _input(call)
    came = _by_row(gradients, x.shape[1])
    rows = _chosen(call, came)
    own = x[:, rows].requires_grad_()
    again = _again(call, own, rows)
    if not again.same:
        return []
    seen = [seen_of(p) for p in again.passages]
    pairs = [(r, g[:, rows]) for r, g in zip(again.results, gradients, strict=True) if g is not None]
    del again
    torch.autograd.backward([r for r, _ in pairs], [g for _, g in pairs], inputs=[own])
    of_gradient, of_state = _share(came, rows), math.sqrt(len(came) / len(rows))
    walks = (time_of(one, gains=True) for one in seen)
    return [
        replace(
            walk,
            source="replayed",
            batch=len(came),
            gradient=_times(of_gradient, walk.gradient),
            state=_times(of_state, walk.state),
        )
        for walk in walks
    ]


def _by_row(gradients: Sequence[Tensor | None], batch: int) -> Tensor:
    """How much came to the outputs of each row, squared [B]."""
    parts = [g.square().sum((0, 2)).double() for g in gradients if g is not None]
    return torch.stack(parts).sum(0) if parts else torch.zeros(batch, dtype=torch.float64)


def _chosen(call: _Call, came: Tensor) -> Tensor:
    """Rows that walk again: of those to which a gradient came, some from the shortest to the longest."""
    every, reached = torch.arange(len(came), device=came.device), came.nonzero().flatten()
    if len(came) <= FEW:
        return every
    rows = reached if len(reached) else every
    if isinstance(call.x, PackedSequence):
        lengths = unpack(call.x)[1]
        rows = rows[lengths[rows].argsort(stable=True)]
    spread = torch.linspace(0, len(rows) - 1, min(FEW, len(rows)), device=rows.device)
    spoilt = (~came.isfinite()).nonzero().flatten()[:1].tolist()  # what is not a number is not passed over
    return torch.tensor(sorted({*rows[spread.round().long()].tolist(), *spoilt}), device=came.device)


def _share(came: Tensor, rows: Tensor) -> float:
    """The gradient of all rows beside that of some."""
    if len(rows) == len(came):
        return 1.0
    some, every = float(came[rows].sum()), float(came.sum())
    return math.sqrt(every / some) if some > 0 and math.isfinite(every) else 1.0


def _times(factor: float, fields: dict[str, list[float]]) -> dict[str, list[float]]:
    return {name: [factor * value for value in values] for name, values in fields.items()}


@dataclass(frozen=True)
class _Again:
    """A second walk."""

    results: list[Tensor]  # y, then each field of the last states, stacked
    passages: list[Passage]
    same: bool  # did it give the outputs of the first?


def _again(call: _Call, x: Tensor, rows: Tensor) -> _Again:
    lengths = unpack(call.x)[1][rows] if isinstance(call.x, PackedSequence) else None
    given = _start(call)
    begun = None if given is None else tuple(h[:, rows] for h in given)
    stack, weights, start = torch_like.parts(call.module, x, begun)
    weights = [type(w)(*(t.detach() for t in w)) for w in weights]
    passages: list[Passage] = []
    how = Call(
        start,
        lengths,
        call.module.training,
        watcher=lambda p: passages.append(replace(p, module=call.name)),
        drop=partial(_drop, call, rows),
    )
    devices = devices_of(call.module)
    with torch.enable_grad(), torch.random.fork_rng(devices=devices):
        draw_from(call.draws)
        outcome = run(stack, weights, [None] * stack.layers, x, how)
        results = [outcome.y, *(torch.stack(f) for f in zip(*outcome.last, strict=True))]
    y_then, *last_then = call.outputs
    pairs = [(new, _rows_of(old, new, rows)) for new, old in zip(results[1:], last_then, strict=True)]
    if lengths is None:
        pairs.append((outcome.y, _rows_of(_time_first(call, y_then), outcome.y, rows)))
    return _Again(results, passages, all(_near(new, old) for new, old in pairs))


def _drop(call: _Call, rows: Tensor, y: Tensor, share: float) -> Tensor:
    """By torch's own draws, which are for all rows at once."""
    last = call.outputs[1]  # [layers, B, ·]; of one sequence without an axis for the batch
    kept = functional.dropout(y.new_ones(y.shape[0], last[0].numel() // last.shape[-1], y.shape[2]), share)
    return y * kept[:, rows]


def _rows_of(then: Tensor, now: Tensor, rows: Tensor) -> Tensor:
    """Some rows of an output of the first walk; of one sequence alone, which may have no axis for rows."""
    return then[:, rows] if then.dim() == now.dim() else then


def _input(call: _Call) -> Tensor:
    """x [T, B, I], by itself."""
    x = unpack(call.x)[0] if isinstance(call.x, PackedSequence) else _time_first(call, call.x)
    return x.detach().to(_dtype(call), copy=True)


def _dtype(call: _Call) -> torch.dtype:
    """Of the weights; under autocast inputs and outputs have another."""
    return next(call.module.parameters()).dtype


def _start(call: _Call) -> Any:
    """Start states [layers, B, ·] a field, or None."""
    if call.hx is None:
        return None
    given = call.hx if isinstance(call.hx, tuple) else (call.hx,)
    single = not isinstance(call.x, PackedSequence) and call.x.dim() == 2
    return tuple((h.unsqueeze(1) if single else h).detach().to(_dtype(call)) for h in given)


def _gradients(call: _Call) -> list[Tensor | None]:
    """Of y [T, B, ·] and of each field of the last states [layers, B, ·]."""
    states = 2 if isinstance(call.module, nn.LSTM) else 1
    came = [call.gradients.get(n) for n in range(1 + states)]
    found = [None if g is None else g.to(_dtype(call)) for g in came]
    if isinstance(call.x, PackedSequence):
        return [None if found[0] is None else unpack(call.x._replace(data=found[0]))[0], *found[1:]]
    if call.x.dim() == 2:
        return [None if g is None else g.unsqueeze(1) for g in found]
    return [None if found[0] is None else _time_first(call, found[0]), *found[1:]]


def _time_first(call: _Call, tensor: Tensor) -> Tensor:
    if tensor.dim() == 2:
        return tensor.unsqueeze(1)
    return tensor.transpose(0, 1) if call.module.batch_first else tensor


def _near(got: Tensor, wanted: Tensor) -> bool:
    if got.shape != wanted.shape:  # of one sequence without an axis for the batch
        wanted = wanted.unsqueeze(1)
    near = NEAR.get(wanted.dtype, ROUGH)
    return bool((got - wanted).abs().max() <= near * wanted.abs().max().clamp(min=1e-6))
