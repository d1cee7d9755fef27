"""needed_lag: how far back does the *data* ask one to look?

    undertow.doctor.needed_lag.needed_lag([(x, y), ...])

Asked of inputs and targets alone, without the network that is to learn them. Readers whose memory does not fade are
taught to tell the target from the last K steps: one reads chosen steps, each by itself; one sums over spans of steps;
one compares a step with the present; of tokens, one remembers whole contexts. Held-out samples say how much of the
target each window K explains. The needed lag is the smallest window that explains nearly as much as the best.

What it cannot see: a target that depends on several distant steps at once and on none of them alone, as their parity.
The reservoir view of memory: Jaeger 2001, "Short term memory in echo state networks".

Axes: T steps, B rows, I input features, O outputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from undertow.doctor import ngrams
from undertow.doctor.probe import Paired, Samples, Shares, commonest, expand, joined, ridge, spans
from undertow.errors import ShapeError

MOST = 3000  # samples, half to learn from and half to be asked
LEAST = 40  # samples below which nothing can be said
CLASSES = 64  # of a target; rarer ones share
CHOSEN = 8  # steps that are read each by itself
ENOUGH = 0.5  # of the target explained: no other reader is asked
NEARLY = 0.05  # of what is explained may be missing
CERTAIN = 3.0  # standard errors
WORTH = 0.01  # of the target's squares, below which nothing is called explained


@dataclass(frozen=True)
class NeededLag:
    """How far back held-out samples are told better.

    `steps` is the needed lag: what was read so many steps before is still needed, what lies further back is not. None
    where no past helps: the target cannot be told from the inputs at all, or there are too few samples. `beyond` is
    true where the longest lag that the samples show still helps. `explained[n]` is the share of the target's squares
    that the last `windows[n]` steps explain on held-out samples.
    """

    steps: int | None
    beyond: bool
    windows: tuple[int, ...]
    explained: tuple[float, ...]
    longest: int  # lag that the samples show
    samples: int


def needed_lag(
    batches: Sequence[tuple[Tensor, Tensor]], lengths: Sequence[Tensor] | None = None, seed: int = 0
) -> NeededLag:
    """Measure it on captured batches.

    Args:
        batches: pairs of x [T, B, I], or tokens [T, B], and y: one target a row ([B] classes, or [B, O] numbers), or
            one a step ([T, B] classes, or [T, B, O] numbers). Of a step whose class is below 0 nothing is asked.
        lengths: of the rows of each batch [B], where they differ.
        seed: of the draw of samples.

    Raises:
        ShapeError: says what was got.
    """
    check(batches)
    tokens = not batches[0][0].is_floating_point()
    classes = not batches[0][1].is_floating_point() and batches[0][1].dim() == 2
    rows, targets, ends, by_step = _rows(batches, lengths)
    generator = torch.Generator().manual_seed(seed)
    row, step = _places(ends, targets, by_step, generator)
    samples = Samples(_features(rows, ends, tokens), row, step)
    told = _told(targets, row, step, by_step)
    longest = int(step.max()) if len(step) else 0
    if len(row) < LEAST or not float((told - told.mean(0)).square().sum()):
        return NeededLag(None, False, (), (), longest, len(row))
    # Rows that taught are not asked: two steps of one row know of each other.
    taught = (torch.randperm(len(rows), generator=generator) < len(rows) / 2)[row]
    alone = _of_steps(samples, told, taught, longest)
    curves = [alone, _of_spans(samples, told, taught, alone.windows, longest)]
    if tokens and by_step and classes:
        curves.append(_of_tokens(_cut(rows, ends), _cut(targets, ends), (row, step), taught))
    elif max(max(curve.explained) for curve in curves) < ENOUGH:
        curves.append(_of_steps(Paired(samples.features, row, step), told, taught, longest))
    return _measured(curves, longest, len(row))


def check(batches: Sequence[tuple[Tensor, Tensor]]) -> None:
    """Refuse what is no list of inputs with targets.

    Raises:
        ShapeError: says what was got.
    """
    if not batches:
        raise ShapeError("needed_lag: give at least one batch (x, y), x [T, B, I] or tokens [T, B].")
    for x, y in batches:
        wanted = 3 if x.is_floating_point() else 2
        per_row = y.dim() >= 1 and len(y) == (x.shape[1] if x.dim() > 1 else -1) and y.dim() <= 2
        per_step = x.dim() > 1 and y.shape[:2] == x.shape[:2]
        if x.dim() != wanted or not (per_row or per_step):
            raise ShapeError(
                f"needed_lag: x must be [T, B, I] numbers or [T, B] tokens, and y [B], [B, O], [T, B] or [T, B, O]; "
                f"got {tuple(x.shape)} and {tuple(y.shape)}."
            )


def _rows(
    batches: Sequence[tuple[Tensor, Tensor]], lengths: Sequence[Tensor] | None
) -> tuple[list[Tensor], list[Tensor], Tensor, bool]:
    """Every row's input and target, where it ends, and whether every step has a target."""
    rows: list[Tensor] = []
    targets: list[Tensor] = []
    ends: list[int] = []
    first_x, first_y = batches[0]
    by_step = first_y.dim() >= 2 and first_y.shape[:2] == first_x.shape[:2]
    for number, (x, y) in enumerate(batches):
        for b in range(x.shape[1]):
            rows.append(x[:, b].detach())
            targets.append((y[:, b] if by_step else y[b]).detach())
            ends.append(int(lengths[number][b]) if lengths is not None else len(x))
    return rows, targets, torch.tensor(ends), by_step


def _cut(parts: Sequence[Tensor], ends: Tensor) -> list[Tensor]:
    """Without what lies past a row's end."""
    return [part[:end] for part, end in zip(parts, ends.tolist(), strict=True)]


def _features(rows: Sequence[Tensor], ends: Tensor, tokens: bool) -> Tensor:
    """[rows, T, F]; zeros past a row's end."""
    longest = int(ends.max())
    whole = torch.stack([_padded(r, longest) for r in rows])
    within = torch.arange(longest) < ends[:, None]
    return torch.where(within[..., None], expand(whole, tokens), 0.0)


def _padded(row: Tensor, steps: int) -> Tensor:
    missing = steps - len(row)
    return row[:steps] if missing <= 0 else torch.cat([row, row[-1:].expand(missing, *row.shape[1:])])


def _places(
    ends: Tensor, targets: Sequence[Tensor], by_step: bool, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Row and step of every sample: the last steps, or, where every step has a target, some of the later half."""
    if not by_step:
        chosen = torch.randperm(len(ends), generator=generator)[:MOST]
        return chosen, ends[chosen] - 1
    asked = [_asked(target) for target in targets]
    every = [(b, t) for b, end in enumerate(ends.tolist()) for t in range(end // 2, end) if asked[b][t]]
    order = torch.randperm(len(every), generator=generator)[:MOST]
    picked = torch.tensor([every[n] for n in order.tolist()]).view(-1, 2)
    return picked[:, 0], picked[:, 1]


def _asked(target: Tensor) -> list[bool]:
    """At which steps is there a target? A class below 0 is none."""
    if target.is_floating_point() or target.dim() > 1:
        return [True] * len(target)
    found: list[bool] = (target >= 0).tolist()
    return found


def _told(targets: Sequence[Tensor], row: Tensor, step: Tensor, by_step: bool) -> Tensor:
    """What is to be told of every sample [N, O]: classes one-hot, numbers of mean 0 and mean square 1."""
    picked = [
        targets[b][t] if by_step else targets[b] for b, t in zip(row.tolist(), step.tolist(), strict=True)
    ]
    y = torch.stack(picked) if picked else torch.zeros(0, 1)
    if not y.is_floating_point():
        y = (y.reshape(len(y), -1, 1) == commonest(y, CLASSES)).flatten(1)
        return y.double()  # what is common counts for more
    y = y.double().reshape(len(picked), -1)
    return (y - y.mean(0)) / y.std(0, correction=0).clamp(min=1e-9)


@dataclass(frozen=True)
class _Curve:
    """What one reader makes of it: the squared error of every held-out sample, by window."""

    windows: list[int]
    errors: list[Tensor]

    @property
    def explained(self) -> list[float]:
        nothing = max(float(self.errors[0].mean()), 1e-300)
        return [1.0 - float(e.mean()) / nothing for e in self.errors]


def _measured(curves: Sequence[_Curve], longest: int, samples: int) -> NeededLag:
    """By the reader that explains most."""
    best = max(curves, key=lambda curve: max(curve.explained))
    steps = _needed(best.windows, best.errors)
    beyond = steps is not None and steps >= longest
    return NeededLag(steps, beyond, tuple(best.windows), tuple(best.explained), longest, samples)


def _of_steps(samples: Samples, told: Tensor, taught: Tensor, longest: int) -> _Curve:
    """Of the reader of single steps."""
    chosen = _chosen(samples, told, taught, longest)
    windows = _windows(chosen, longest)

    def within(window: int) -> Tensor:
        return joined([samples.at(lag) for lag in chosen if lag < window], len(told))

    return _Curve(windows, [_errors(within(w), told, taught) for w in windows])


def _of_spans(samples: Samples, told: Tensor, taught: Tensor, windows: list[int], longest: int) -> _Curve:
    """Of the reader of sums over spans of steps."""
    sums, reach = samples.running_sums(), spans(longest)

    def within(window: int) -> Tensor:
        cut = [(first, min(last, window - 1)) for first, last in reach if first < window]
        return joined([samples.over(sums, *span) for span in cut], len(told))

    return _Curve(windows, [_errors(within(w), told, taught) for w in windows])


def _windows(chosen: list[int], longest: int) -> list[int]:
    """Those at whose end something is read."""
    return sorted({0, *(lag + 1 for lag in chosen), *(last + 1 for _, last in spans(longest))})


def _of_tokens(
    rows: Sequence[Tensor], targets: Sequence[Tensor], places: tuple[Tensor, Tensor], taught: Tensor
) -> _Curve:
    """Of the reader that remembers whole contexts. Rows that taught are those of `taught`, by sample."""
    common = commonest(torch.cat(list(targets)), CLASSES)
    classes = [_numbered(y, common) for y in targets]
    row, step = places
    teachers = sorted(set(row[taught].tolist()))
    found = ngrams.errors(rows, classes, teachers, (row[~taught], step[~taught]), len(common))
    return _Curve(list(range(len(found))), found)


def _numbered(classes: Tensor, common: Tensor) -> Tensor:
    """Each class's place among the common ones; one more for all others."""
    met = classes[:, None] == common
    return torch.where(met.any(1), met.double().argmax(1), len(common))


def _chosen(samples: Samples, told: Tensor, taught: Tensor, longest: int) -> list[int]:
    """Lags that explain most, one after another, each of what those before it leave."""
    few = replace(samples, row=samples.row[taught], step=samples.step[taught])
    wanted = told[taught]
    rest, found, explain = wanted - wanted.mean(0), list[int](), Shares(few, longest)
    for _ in range(CHOSEN):
        shares = explain.of(rest)
        best = max(explain.lags, key=shares.__getitem__)
        if best in found or shares[best] <= 0:
            break
        found.append(best)
        features = joined([few.at(lag) for lag in found], len(wanted))
        rest = wanted - ridge(features, wanted)(features)
        rest = rest - rest.mean(0)
    return sorted(found)


def _errors(features: Tensor, told: Tensor, taught: Tensor) -> Tensor:
    """Squared error of every held-out sample."""
    fit = ridge(features[taught], told[taught])
    return (told[~taught] - fit(features[~taught])).square().mean(1)


def _needed(windows: Sequence[int], errors: Sequence[Tensor]) -> int | None:
    """The last lag of the smallest window that does nearly as well as the best; None where the best is no better."""
    nothing = errors[0]
    best = min(errors, key=lambda e: float(e.mean()))
    if not _better(nothing, best, WORTH * float(nothing.mean())):
        return None
    allowed = NEARLY * float((nothing - best).mean())
    for window, one in zip(windows, errors, strict=True):
        if window and not _better(one, best, allowed):
            return window - 1
    return windows[-1] - 1


def _better(worse: Tensor, better: Tensor, by: float) -> bool:
    """Is the mean error smaller by more than that, beyond doubt?"""
    difference = worse - better
    doubt = CERTAIN * float(difference.std()) / len(difference) ** 0.5
    return float(difference.mean()) > by and float(difference.mean()) > doubt
