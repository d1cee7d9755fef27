"""Does a traced step say what the step says? Asked on random numbers, each time a step is traced.

A trace is a step at one batch, without its Python: a custom gradient, a block without gradients, a number taken from
the batch's size, or work on x that mixes its rows would be lost in it, silently. So the traced parts run over many
rows, of which the first few must come out as the step itself gives them alone; and so must their gradients.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, fx

from undertow.cells.cell import Cell
from undertow.compiler.graph import NoRowError
from undertow.compiler.precision import products_in
from undertow.compiler.trace import Traced, advance
from undertow.compiler.variation import Variation

FEW = 3  # rows that the step gets by itself
NEAR = {torch.float32: 1e-2, torch.float64: 1e-6}  # of the largest number: a lost gradient is far off


def check(
    cell: Cell, found: Traced, joint: fx.GraphModule, weights: Sequence[Tensor], how: Variation
) -> None:
    """Compare values and gradients.

    Raises:
        NoRowError: they differ.
    """
    generator = torch.Generator().manual_seed(0)
    dtype = joint.graph.find_nodes(op="placeholder")[-1].meta["val"].dtype

    def drawn(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=dtype)

    # Products in full, whatever torch's switch says: few rows and many are rounded differently.
    with products_in("float32"), torch.inference_mode(False), torch.enable_grad():
        x = drawn(found.batch, cell.input_size)
        old = [drawn(*s.shape) for s in cell.start(found.batch)]
        masks = _masks(old, how, generator)
        own = [0.4 * drawn(*w.shape) for w in weights]
        sent = [drawn(FEW, *s.shape[1:]) for s in old]
        theirs = _by_step(cell, [x, *old, *own], masks, sent, how)
        ours = _by_trace(found, joint, [x, *old, *own], masks, sent)
    for what, a, b in zip(_names(len(old), len(own)), ours, theirs, strict=True):
        both = a.isfinite() & b.isfinite()  # what overflows here may just not do so there
        if not torch.allclose(a[both], b[both], rtol=0, atol=_near(b)):
            raise NoRowError(
                f"{what} of the traced step is not that of the step itself. A custom gradient, a block without "
                f"gradients, the batch's size as a number, or work across the rows of a batch is lost in a trace"
            )


def _near(wanted: Tensor) -> float:
    largest = wanted.nan_to_num(0.0, 0.0, 0.0).abs().max() if wanted.numel() else 0.0
    return NEAR[wanted.dtype] * max(1.0, float(largest))


def _names(states: int, weights: int) -> list[str]:
    news = ["a new state"] * states
    return [
        *news,
        "the gradient of x",
        *["the gradient of an old state"] * states,
        *["the gradient of a weight"] * weights,
    ]


def _masks(old: Sequence[Tensor], how: Variation, generator: torch.Generator) -> list[Tensor]:
    masks = [torch.ones_like(old[0])] if how.state_mask else []
    if how.zoneout:
        masks += [torch.rand(s.shape, generator=generator, dtype=s.dtype) for s in old]
    return masks + ([old[0].new_ones(len(old[0]), 1)] if how.lengths else [])


def _by_step(
    cell: Cell, inputs: Sequence[Tensor], masks: Sequence[Tensor], sent: Sequence[Tensor], how: Variation
) -> list[Tensor]:
    """New states of the first rows, alone; gradients of x, old states and weights."""
    count = 1 + len(sent)
    free = [t.clone().requires_grad_() for t in (*(i[:FEW] for i in inputs[:count]), *inputs[count:])]
    new = advance(cell, free[0], [m[:FEW] for m in masks], free[1:count], free[count:], how)
    return [*(n.detach() for n in new), *_pulled(new, free, sent)]


def _pulled(ends: Sequence[Tensor], free: Sequence[Tensor], sent: Sequence[Tensor]) -> list[Tensor]:
    pairs = [(e, s.to(e.dtype)) for e, s in zip(ends, sent, strict=True) if e.requires_grad]
    if not pairs:
        return [torch.zeros_like(f) for f in free]
    found = torch.autograd.grad(
        [e for e, _ in pairs], free, [s for _, s in pairs], allow_unused=True, materialize_grads=True
    )
    return list(found)


def _by_trace(
    found: Traced,
    joint: fx.GraphModule,
    inputs: Sequence[Tensor],
    masks: Sequence[Tensor],
    sent: Sequence[Tensor],
) -> list[Tensor]:
    """The same of all rows by the traced parts, with nothing sent into rows after the first."""
    states = found.states
    x, *weights = (t.clone().requires_grad_() for t in (inputs[0], *inputs[1 + states :]))
    derived = _many(found.prologue(*weights))
    feeds = _many(found.hoisted(x, *derived))
    whole = [torch.cat([s, s.new_zeros(found.batch - FEW, *s.shape[1:])]) for s in sent]
    with torch.no_grad():
        out = _many(joint(*feeds, *masks, *inputs[1 : 1 + states], *derived, *whole))
    new, back = out[:states], out[states:]
    for_feeds, for_old, for_derived = (
        back[first:last]
        for first, last in (
            (0, len(feeds)),
            (len(feeds), len(feeds) + states),
            (len(feeds) + states, len(back)),
        )
    )
    for_x, *for_weights = _pulled([*feeds, *derived], [x, *weights], [*for_feeds, *for_derived])
    return [*(n[:FEW] for n in new), for_x[:FEW], *(g[:FEW] for g in for_old), *for_weights]


def _many(value: object) -> list[Tensor]:
    return list(value) if isinstance(value, tuple | list) else [value]  # type: ignore[list-item]
