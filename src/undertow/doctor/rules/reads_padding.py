"""The answer is read after the padding, or is moved by it.

Sign: a short row's answer changes when its padding is cut off.
Harm: what a short row said is forgotten over its padding; the network learns lengths.
Looks like it: padding that the loss ignores and that comes after all that is read (causal, and healthy).
Remedy: read at each row's own last step: lengths, or packed sequences; mask attention.
Sources: torch's documentation of pack_padded_sequence; keras issue #1820.
Planted: last step read although rows are padded.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from statistics import mean

import torch
from torch import Tensor, nn

from undertow.doctor.case import Case
from undertow.doctor.rule import Rule
from undertow.doctor.saying import at, found
from undertow.doctor.seating import batch_axis
from undertow.doctor.seen.batches import Call, by_network, first_tensor
from undertow.doctor.trials import Patient, spread_of
from undertow.doctor.verdict import Verdict
from undertow.flow.nested import tensors

MOVED = 0.02  # of the spread of answers
PADDED = 0.15  # of the rows
CHANCE = 0.05
FIT = 0.9  # of rows end as the lengths say


def judge(case: Case) -> Verdict | None:
    """Cuts the padding off rows that have some, one at a time."""
    calls = [c for c in case.calls if (x := first_tensor(c.arguments)) is not None and x.dim() >= 2]
    for own in by_network(calls):
        axis = batch_axis(own, case.batch_sizes)
        for call in own[-3:]:
            for rows in (axis,) if axis is not None else (0, 1):
                verdict = _judge(call, rows, _by_chance(own, rows))
                if verdict is not None:
                    return verdict
    return None


def _by_chance(calls: Sequence[Call], axis: int) -> bool:
    """Do rows end as they do because what fills them up is common within them, too?"""
    inputs = [x for call in calls if (x := first_tensor(call.arguments)) is not None and x.dim() >= 2]
    told = [_ends(x.transpose(0, 1) if axis else x)[1:] for x in inputs if x.shape[1 - axis] > 1]
    if not told:
        return False
    share, silent = (mean(values) for values in zip(*told, strict=True))
    return bool(share <= 2 * silent**2 + CHANCE)


def _judge(call: Call, axis: int, chance: bool) -> Verdict | None:
    x = first_tensor(call.arguments)
    assert x is not None

    by_rows = x.transpose(0, 1) if axis else x
    pads = _told(call, by_rows)
    if pads is None:
        certain = _fills(call, x)
        pads = padding(by_rows, certain=certain)
        if pads is None or (chance and not certain):
            return None
    patient = Patient.of(call)
    answer = patient.answer() if patient is not None else None
    if patient is None or answer is None:
        return None
    spread, moved = spread_of(answer), []
    some = [n for n in range(len(pads)) if pads[n] > 0][:6]
    for row in some:
        whole = patient.answer(partial(_row, x=x, axis=axis, row=row, cut=0))
        cut = patient.answer(partial(_row, x=x, axis=axis, row=row, cut=int(pads[row])))
        if whole is None or cut is None or whole.dim() != cut.dim():
            continue
        moved.append(max(_moved(whole, cut, axis), _beside_others(answer, whole, axis, row)))
    if len(moved) < 2 or sorted(moved)[len(moved) // 2] < MOVED * spread:
        return None
    return found(
        0.93,
        f"Cutting the padding off a row changes the answer of {call.name} by "
        f"{max(moved) / max(spread, 1e-12):.0%} of what answers differ by "
        f"({int((pads > 0).sum())} of {len(pads)} rows are padded).",
        at(
            call.line,
            module=call.name,
            steps=(int(x.shape[1 - axis] - pads.max()), int(x.shape[1 - axis]) - 1),
        ),
        moved=max(moved) / max(spread, 1e-12),
        padded_rows=int((pads > 0).sum()),
        rows=len(pads),
        longest_padding=int(pads.max()),
    )


def _told(call: Call, x: Tensor) -> Tensor | None:
    """By the lengths [B] that the call was told, how many steps of each row of x [B, T, ...] are filled up; None where
    it was told none. Data may fall silent before they end."""
    runs = _ends(x)[0] if x.shape[1] > 1 and len(x) > 1 else None
    for lengths in tensors((call.arguments, call.named)):
        whole = lengths.dim() == 1 and not lengths.is_floating_point() and lengths.dtype != torch.bool
        if runs is None or not whole or len(lengths) != len(x):
            continue
        pads = x.shape[1] - lengths.cpu()
        fits = bool(((pads >= 0) & (lengths.cpu() > 0) & (pads <= runs)).double().mean() > FIT)
        if fits and float((pads > 1).double().mean()) > PADDED and len(set(pads.tolist())) > 2:
            return pads.clamp(min=0, max=x.shape[1] - 1)
    return None


def _fills(call: Call, x: Tensor) -> bool:
    """Is what rows end with the padding of one of the network's embeddings?"""
    last = x.flatten()[-1]
    found = (m.padding_idx for m in call.module.modules() if isinstance(m, nn.Embedding))
    return not x.is_floating_point() and any(index is not None and int(last) == index for index in found)


def padding(x: Tensor, *, certain: bool = False) -> Tensor | None:
    """How many steps at the end of each row [B] are filled up; None where rows are not, x is [B, T, ...].

    Where every row is, it may be silence of the data's own; not so where it is certain that it is padding.
    """
    if x.dim() < 2 or x.shape[1] < 4 or len(x) < 4:
        return None
    runs, share, _ = _ends(x)
    return (
        runs
        if share > PADDED
        and len(set(runs.tolist())) > 2
        and (bool((runs == 0).any() | (runs == 1).any() | (share < 1)) or certain)
        else None
    )


def _ends(x: Tensor) -> tuple[Tensor, float, float]:
    """How long each row [B] ends alike, the share of rows that do for more than a step, and of steps before it that
    look so, too."""
    flat = x.flatten(2) if x.dim() > 2 else x.unsqueeze(2)
    last = flat[:, -1]
    fill = last.mode(0).values if not x.is_floating_point() else torch.zeros_like(last[0])
    filled = (flat == fill).all(2)
    runs = filled.flip(1).cumprod(1).sum(1).clamp(max=x.shape[1] - 1)
    inner = torch.arange(x.shape[1]) < x.shape[1] - runs[:, None]
    silent = float(filled[inner].double().mean()) if bool(inner.any()) else 0.0
    return runs, float((runs > 1).double().mean()), silent


def _row(tensor: Tensor, x: Tensor, axis: int, row: int, cut: int) -> Tensor:
    """One row of it, without its last steps where it has steps."""
    rows, steps = x.shape[axis], x.shape[1 - axis]
    if tensor.dim() == 1 and len(tensor) == rows:
        return (
            tensor[row : row + 1].clamp(max=steps - cut)
            if not tensor.is_floating_point()
            else tensor[row : row + 1]
        )
    for own in (axis, 0, 1):
        if tensor.dim() > own and tensor.shape[own] == rows:
            alone = tensor.narrow(own, row, 1)
            time = 1 - own
            return (
                alone.narrow(time, 0, steps - cut)
                if own < 2 and alone.dim() > time and alone.shape[time] == steps
                else alone
            )
    return tensor


def _beside_others(answers: Tensor, alone: Tensor, axis: int, row: int) -> float:
    """How far is a row's answer in its batch from the one that it gets alone, where nothing need be filled up?"""
    own = axis if answers.dim() == alone.dim() and alone.shape[min(axis, alone.dim() - 1)] == 1 else 0
    if answers.dim() != alone.dim() or alone.shape[own] != 1 or answers.shape[own] <= row:
        return 0.0
    return _moved(answers.narrow(own, row, 1), alone, axis)


def _moved(whole: Tensor, cut: Tensor, axis: int) -> float:
    for time in range(whole.dim()):
        if whole.shape[time] != cut.shape[time]:
            whole = whole.narrow(time, 0, min(whole.shape[time], cut.shape[time]))
            cut = cut.narrow(time, 0, whole.shape[time])
    return float((whole - cut).abs().max())


RULE = Rule("T108", "reads padding", judge, ("read_at_lengths",), explains=("T101", "T103"), wiring=True)
