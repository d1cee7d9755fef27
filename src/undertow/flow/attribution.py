"""attribute: what does each step of the input contribute to one prediction, and how much comes from the last n?

    gradient      x_t · ∂score/∂x_t                          one backward pass; exact for a linear model
    integrated    x_t · ∫₀¹ ∂score/∂x_t (α x) dα             sums to score(x) - score(0)
    occlusion     score(x) - score(x with x_t = 0)           what leaving a step out does, step by step

x_t is the input of a step, or what the embedding gives where the input is whole numbers; 0 stands for its absence.
Sources: Simonyan, Vedaldi & Zisserman 2014; Sundararajan, Taly & Yan 2017; Zeiler & Fergus 2014.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from undertow.errors import SettingError, ShapeError
from undertow.flow.depth import first_tensor
from undertow.flow.undisturbed import undisturbed

Method = Literal["gradient", "integrated", "occlusion"]
Scores = Callable[[Any], Tensor]


@dataclass(frozen=True)
class Attribution:
    """What every step adds to one score, in the score's own units."""

    method: Method
    score: float
    without: float  # the score with every step absent
    steps: tuple[float, ...]

    @property
    def missing(self) -> float:
        """What the steps' contributions leave unexplained of score - without; 0 for complete methods."""
        return self.score - self.without - sum(self.steps)

    def share(self, last: int) -> float:
        """How much of all that is contributed, either way, do the last steps contribute? nan where nothing is."""
        sizes = [abs(step) for step in self.steps]
        return sum(sizes[-last:] if last > 0 else []) / sum(sizes) if sum(sizes) > 0 else float("nan")


def attribute(
    model: nn.Module,
    *inputs: Any,
    score: Scores | None = None,
    method: Method = "integrated",
    row: int = 0,
    batch_first: bool = False,
    points: int = 64,
) -> Attribution:
    """What does each step of one row contribute to one prediction?

    Args:
        model: any module; it is called in evaluation mode, and left as it was.
        inputs: what it is called with. The first is looked at: [T, B, ...], or [B, T, ...] with `batch_first`. Where
            it holds whole numbers, what the first embedding makes of them is looked at instead.
        score: gives the one number to be explained from the model's output; by default the row's largest score at the
            last step.
        method: gradient, integrated or occlusion.
        row: of the batch.
        batch_first: the batch is the first axis, steps are the second.
        points: of the integral.

    Raises:
        SettingError: an unknown method, no points, or an input of whole numbers that no embedding reads.
        ShapeError: the input has no axis for steps, no such row, or the score is not one number.
    """
    if method not in get_args(Method):
        raise SettingError(f"attribute: method must be one of {', '.join(get_args(Method))}, got {method!r}.")
    if points < 1:
        raise SettingError(f"attribute: points must be at least 1, got {points}.")
    with _evaluating(model):
        asked = _Asked(model, inputs, score, row, batch_first)
        found = METHODS[method](asked, points).tolist()
        with torch.no_grad():
            return Attribution(method, float(asked(asked.values)), float(asked(asked.absent())), tuple(found))


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """In evaluation mode, without a trace; cuDNN's layers have no backward pass there."""
    with undisturbed(model), torch.backends.cudnn.flags(enabled=False):
        model.eval()
        yield


class _Asked:
    """The score as a function of what the steps hold."""

    def __init__(
        self, model: nn.Module, inputs: Sequence[Any], score: Scores | None, row: int, batch_first: bool
    ) -> None:
        if not inputs or not isinstance(inputs[0], Tensor) or inputs[0].dim() < 2:
            raise ShapeError(
                "attribute: the first input must be a tensor with an axis for steps and one for the batch."
            )
        self.model, self.inputs, self.row = model, inputs, row
        self.step_axis = 1 if batch_first else 0
        if not 0 <= row < inputs[0].shape[1 - self.step_axis]:
            raise ShapeError(
                f"attribute: there is no row {row}: the batch has {inputs[0].shape[1 - self.step_axis]}."
            )
        self.embedding = None if inputs[0].is_floating_point() else _embedding_read(model, inputs)
        with torch.no_grad():
            self.values = inputs[0].detach() if self.embedding is None else self._embedded()
            self.score = score or self._largest()

    def __call__(self, values: Tensor) -> Tensor:
        output = self.score(self._output(values))
        if output.numel() != 1:
            raise ShapeError(f"attribute: the score must be one number, got shape {tuple(output.shape)}.")
        return output.reshape(())

    def own(self, values: Tensor) -> Tensor:
        """The row's own steps [T, ...]."""
        return values.select(1 - self.step_axis, self.row)

    def absent(self) -> Tensor:
        """The row's steps as zeros; others as they are."""
        found = self.values.clone()
        self.own(found).zero_()
        return found

    def _output(self, values: Tensor) -> Any:
        if self.embedding is None:
            return self.model(values, *self.inputs[1:])
        with self._embedding_gives(lambda _: values):
            return self.model(*self.inputs)

    def _embedded(self) -> Tensor:
        kept: list[Tensor] = []
        with self._embedding_gives(kept.append):
            self.model(*self.inputs)
        return kept[0].detach()

    @contextmanager
    def _embedding_gives(self, change: Callable[[Tensor], Tensor | None]) -> Iterator[None]:
        """What the embedding makes of the input, and only of it, goes through `change`."""
        assert self.embedding is not None
        number, calls = self.embedding[1], count()

        def hook(module: nn.Module, _: Any, output: Tensor) -> Tensor | None:
            return change(output) if next(calls) == number else None

        handle = self.embedding[0].register_forward_hook(hook)
        try:
            yield
        finally:
            handle.remove()

    def _largest(self) -> Scores:
        """The largest score of the row's last step, chosen once."""
        batch = self.inputs[0].shape[1 - self.step_axis]

        def last(output: Any) -> Tensor:
            found = first_tensor(output)
            if (
                found is None
                or found.dim() < 2
                or found.shape[0 if found.dim() == 2 else 1 - self.step_axis] != batch
            ):
                shape = None if found is None else tuple(found.shape)
                raise ShapeError(
                    f"attribute: which score is meant of an output of shape {shape}? Give score=, a function of the "
                    f"model's output."
                )
            if found.dim() == 2:  # no axis for steps
                return found[self.row].reshape(-1)
            return found.select(1 - self.step_axis, self.row)[-1].reshape(-1)

        best = int(last(self._output(self.values)).argmax())
        return lambda output: last(output)[best]


def _embedding_read(model: nn.Module, inputs: Sequence[Any]) -> tuple[nn.Module, int]:
    """The embedding that reads the first input, and which of its calls does."""
    met: list[tuple[nn.Module, int]] = []
    calls: Counter[nn.Module] = Counter()

    def hook(module: nn.Module, arguments: tuple[Any, ...], _: Any) -> None:
        if arguments and arguments[0] is inputs[0]:
            met.append((module, calls[module]))
        calls[module] += 1

    handles = [m.register_forward_hook(hook) for m in model.modules() if isinstance(m, nn.Embedding)]
    try:
        with torch.no_grad():
            model(*inputs)
    finally:
        for handle in handles:
            handle.remove()
    if not met:
        raise SettingError(
            "attribute: the input holds whole numbers, and no torch.nn.Embedding of the model reads them."
        )
    return met[0]


def _slope(asked: _Asked, values: Tensor) -> Tensor:
    """∂score/∂x of the row [T, ...]."""
    values = values.detach().requires_grad_()
    with torch.enable_grad():
        found: Tensor = torch.autograd.grad(asked(values), values)[0]
    return asked.own(found)


def _by_step(products: Tensor) -> Tensor:
    return products.flatten(1).sum(1) if products.dim() > 1 else products


def _gradient(asked: _Asked, _: int) -> Tensor:
    return _by_step(asked.own(asked.values) * _slope(asked, asked.values))


def _integrated(asked: _Asked, points: int) -> Tensor:
    """The midpoint rule."""
    total = torch.zeros_like(asked.own(asked.values))
    for n in range(points):
        values = asked.absent()
        asked.own(values).copy_(asked.own(asked.values) * ((n + 0.5) / points))
        total += _slope(asked, values)
    return _by_step(asked.own(asked.values) * total / points)


def _occlusion(asked: _Asked, _: int) -> Tensor:
    found = []
    with torch.no_grad():
        whole = asked(asked.values)
        for step in range(asked.values.shape[asked.step_axis]):
            values = asked.values.clone()
            asked.own(values)[step].zero_()
            found.append(whole - asked(values))
    return torch.stack(found)


METHODS: dict[Method, Callable[[_Asked, int], Tensor]] = {
    "gradient": _gradient,
    "integrated": _integrated,
    "occlusion": _occlusion,
}
