"""What was measured: a step of training, in depth, through the weights and back in time; a walk, by its Jacobians.

Plain numbers in frozen records, so that they can be kept, compared and drawn without torch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Point:
    """One call of one module: what came out of it, and the gradient that came back to that.

    `norm` and `gradient_norm` are Euclidean, over all `size` numbers of the output. `sampled` of them were looked at:
    all, or some of a large one where every step is measured, scaled up. `gradient_norm` is None where no gradient came.
    `dead` is the share of units (features or channels) that are zero for the whole batch, looked at behind rectifiers;
    `saturated` the share of numbers within 0.03 of a flat end, behind sigmoid and tanh.
    """

    module: str  # its name within the watched model; "" is the model itself
    kind: str  # its class
    call: int  # 0, 1, … where it is called more than once in a step
    size: int
    norm: float
    gradient_norm: float | None = None
    dead: float | None = None
    saturated: float | None = None
    sampled: int = 0


@dataclass(frozen=True)
class Weight:
    """One parameter at one optimizer step: Euclidean norms of itself, its gradient, and what the step changed.

    The update of a large parameter is seen at some of its numbers and scaled up; `sampled` says how many they are.
    Where every step is measured, so are its other norms.
    """

    name: str
    size: int
    norm: float
    gradient_norm: float | None
    update_norm: float | None
    sampled: int


@dataclass(frozen=True)
class Time:
    """One recurrent walk: a layer and direction, step by step of the sequence.

    Every list holds one number a step, in the order of the sequence. Norms are Euclidean over batch and units; steps
    past a row's end count nothing. Of torch's layers on more than 8 rows they are estimated from 8. The fields of a
    state count as coordinates side by side: the gradient of an LSTM's c_t is what comes to it from the next step,
    without what comes through h_t, which has a gradient of its own.
    """

    module: str
    layer: int
    direction: int  # 0 walks forward in time, 1 backward
    cell: str
    steps: int
    batch: int
    gradient: dict[str, list[float]]  # by field of the state: ‖∂L/∂state_t‖
    state: dict[str, list[float]]  # by field: ‖state_t‖
    gates: dict[str, list[float]] = field(default_factory=dict)  # by gate: how open it is in the mean, 0 to 1
    gain: list[float] = field(default_factory=list)  # by lag k: ‖∂h_T/∂state_{T-k}‖_F/√H, of a few rows
    source: str = (
        "walk"  # of our own engines; replayed: of torch.nn, walked again; calls: a loop over a module
    )


@dataclass(frozen=True)
class NonFinite:
    """The first number that was none: which operation made it, in which module, called from which line.

    `phase` says when: `forward` or `backward` in the model; `loss` behind it, where `op` is not known; `input`, what
    the model was called with; `update`, a parameter that the optimizer's last step spoilt, named in `module`.
    """

    op: str
    module: str
    where: str  # file:line of the user's code, or of a cell's step; empty where torch alone is in between
    phase: str
    step: int


@dataclass(frozen=True)
class Flow:
    """One measurement of one step."""

    step: int  # optimizer steps that came before
    seconds: float  # since watching began
    depth: tuple[Point, ...] = ()
    weights: tuple[Weight, ...] = ()
    time: tuple[Time, ...] = ()
    clipped: float | None = None  # what clipping left of the gradient's norm: 1 is all of it
    non_finite: NonFinite | None = None

    @property
    def gradient_norm(self) -> float | None:
        """Of all parameters together."""
        norms = [w.gradient_norm for w in self.weights if w.gradient_norm is not None]
        return sum(n * n for n in norms) ** 0.5 if norms else None


@dataclass(frozen=True)
class Horizon:
    """What one layer and direction feels of its past, seen from its last state.

    `gain[k]` belongs to a lag of k steps. `steps` is the horizon; where even the longest lag that was walked is felt,
    `beyond` is true, and the horizon lies at `steps` or further back. `rate` is the factor a step that fits the gains
    best from where they are highest on (least squares of their logarithms): 1 neither shrinks nor grows.
    """

    module: str
    layer: int
    direction: int
    cell: str
    floor: float
    gain: tuple[float, ...]
    steps: int
    beyond: bool
    rate: float

    @property
    def expected(self) -> float:
        """The horizon that the rate leads to, where the walk was too short to see it; ∞ where nothing fades."""
        if not self.beyond:
            return float(self.steps)
        if not self.rate < 1 or not 0 < self.gain[-1] < math.inf:
            return math.inf
        return self.steps + max(0.0, math.log(self.floor / self.gain[-1]) / math.log(self.rate))


@dataclass(frozen=True)
class Jacobians:
    """One row's walk through one layer and direction, step by step in the order of walking."""

    module: str
    layer: int
    direction: int
    cell: str
    radius: tuple[float, ...]  # spectral radius of each J_t
    norm: tuple[float, ...]  # its spectral norm
    lag: tuple[int, ...]  # 1, 2, … of what follows
    truth: tuple[float, ...]  # ‖∂state_T/∂state_{T-lag}‖
    product: tuple[float, ...]
    weights: tuple[float, ...] | None  # None for all but the vanilla RNN
    as_taught: tuple[float, ...] | None


@dataclass(frozen=True)
class Spectrum:
    """The Lyapunov exponents of one layer and direction along one row, in nats a step, the largest first."""

    module: str
    layer: int
    direction: int
    cell: str
    steps: int  # that were averaged over
    exponents: tuple[float, ...]
