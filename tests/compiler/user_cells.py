"""Cells of the literature that no library fuses, written as a user would write them: the compiler's entrance exam.

Nothing here knows of the compiler. Letters: B batch rows, I input features, H hidden units.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, relu, sigmoid, tanh
from torch.nn import functional as F
from torch.nn.functional import layer_norm, linear, logsigmoid, softmax, softplus

import undertow as ut


class OneState(NamedTuple):
    h: Tensor  # [B, H]


class TwoStates(NamedTuple):
    h: Tensor  # [B, H]
    c: Tensor  # [B, H]


class Dense(NamedTuple):
    x: Tensor  # [G·H, I]
    h: Tensor  # [G·H, H]
    b: Tensor  # [G·H]


@dataclass(frozen=True)
class Gated(ut.Cell):
    """What most cells share: G blocks of dense weights, one state."""

    gates = 1
    State = OneState
    Weights = Dense

    def init(self) -> Any:
        return Dense(
            x=ut.init.glorot(self.hidden_size, self.input_size, self.gates),
            h=ut.init.orthogonal(self.hidden_size, self.gates),
            b=torch.zeros(self.gates * self.hidden_size),
        )


@dataclass(frozen=True)
class UGRNN(Gated):
    """Update gate RNN: one gate leaks between old and new (Collins, Sohl-Dickstein & Sussillo 2017)."""

    gates = 2

    def step(self, x: Tensor, state: OneState, w: Dense) -> OneState:
        c, g = (linear(x, w.x, w.b) + linear(state.h, w.h)).chunk(2, dim=1)
        g = sigmoid(g + 1)
        return OneState(g * state.h + (1 - g) * tanh(c))


@dataclass(frozen=True)
class IntersectionRNN(ut.Cell):
    """+RNN: one path in depth, one in time, gated where they cross (Collins, Sohl-Dickstein & Sussillo 2017)."""

    class State(NamedTuple):
        y: Tensor  # [B, I], handed up
        h: Tensor  # [B, H], handed on

    class Weights(NamedTuple):
        x: Tensor  # [2I + 2H, I]
        h: Tensor  # [2I + 2H, H]
        b: Tensor  # [2I + 2H]

    def start(self, batch: int) -> State:
        return self.State(torch.zeros(batch, self.input_size), torch.zeros(batch, self.hidden_size))

    def init(self) -> Weights:
        rows = 2 * (self.input_size + self.hidden_size)
        return self.Weights(
            ut.init.glorot(rows, self.input_size), ut.init.glorot(rows, self.hidden_size), torch.zeros(rows)
        )

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        I, H = self.input_size, self.hidden_size  # noqa: E741 - the letters of the head
        y, gate_y, h, gate_h = torch.split(linear(x, w.x, w.b) + linear(state.h, w.h), [I, I, H, H], dim=1)
        gate_y, gate_h = torch.sigmoid(gate_y), torch.sigmoid(gate_h)
        return self.State(y=gate_y * x + (1 - gate_y) * relu(y), h=gate_h * state.h + (1 - gate_h) * tanh(h))


@dataclass(frozen=True)
class JANET(Gated):
    """Just another network: an LSTM of the forget gate alone (van der Westhuizen & Lasenby 2018)."""

    beta: float = 1.0
    gates = 2

    def step(self, x: Tensor, state: OneState, w: Dense) -> OneState:
        pre = F.linear(x, w.x, w.b) + state.h @ w.h.t()
        s, c = pre[:, : self.hidden_size], pre[:, self.hidden_size :]
        return OneState(h=s.sigmoid() * state.h + (1 - torch.sigmoid(s - self.beta)) * c.tanh())


@dataclass(frozen=True)
class AntisymmetricRNN(Gated):
    """A stable flow, stepped by Euler, gated (Chang, Chen, Haber & Chi 2019)."""

    friction: float = 0.01
    pace: float = 0.1

    class Weights(NamedTuple):
        x: Tensor  # [H, I]
        z: Tensor  # [H, I]
        h: Tensor  # [H, H]
        b: Tensor  # [2, H]

    def init(self) -> Weights:
        draw = ut.init.glorot
        H, b = self.hidden_size, torch.zeros(2, self.hidden_size)
        return self.Weights(draw(H, self.input_size), draw(H, self.input_size), draw(H, H), b)

    def step(self, x: Tensor, state: OneState, w: Weights) -> OneState:
        flow = w.h - w.h.T - self.friction * torch.eye(self.hidden_size, dtype=x.dtype)
        turned = linear(state.h, flow)
        gate = sigmoid(turned + linear(x, w.z) + w.b[0])
        return OneState(state.h + self.pace * gate * tanh(turned + linear(x, w.x) + w.b[1]))


@dataclass(frozen=True)
class CoRNN(Gated):
    """Coupled oscillators with friction: position and velocity (Rusch & Mishra 2021)."""

    pace: float = 0.1
    gamma: float = 1.0
    epsilon: float = 0.5

    class State(NamedTuple):
        y: Tensor  # [B, H] position
        z: Tensor  # [B, H] velocity

    class Weights(NamedTuple):
        x: Tensor  # [H, I]
        y: Tensor  # [H, H]
        z: Tensor  # [H, H]
        b: Tensor  # [H]

    recurrent = ("y", "z")

    def init(self) -> Weights:
        H = self.hidden_size
        draw = ut.init.glorot
        return self.Weights(draw(H, self.input_size), draw(H, H), draw(H, H), torch.zeros(H))

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        y, z = state
        force = tanh(linear(y, w.y) + linear(z, w.z) + linear(x, w.x) + w.b)
        z = z + self.pace * (force - self.gamma * y - self.epsilon * z)
        return self.State(y=y + self.pace * z, z=z)


@dataclass(frozen=True)
class LipschitzRNN(Gated):
    """A linear part of bounded symmetry beside a saturating one (Erichson, Azencot, Queiruga, Hodgkinson & Mahoney 2021)."""  # noqa: E501

    beta: float = 0.75
    gamma: float = 0.001
    pace: float = 0.03

    class Weights(NamedTuple):
        x: Tensor  # [H, I]
        a: Tensor  # [H, H]
        h: Tensor  # [H, H]
        b: Tensor  # [H]

    recurrent = ("a", "h")

    def init(self) -> Weights:
        H = self.hidden_size
        draw = ut.init.glorot
        return self.Weights(draw(H, self.input_size), draw(H, H), draw(H, H), torch.zeros(H))

    def _balanced(self, m: Tensor) -> Tensor:
        eye = torch.eye(len(m), dtype=m.dtype, device=m.device)
        return (1 - self.beta) * (m + m.T) + self.beta * (m - m.T) - self.gamma * eye

    def step(self, x: Tensor, state: OneState, w: Weights) -> OneState:
        h = state.h
        change = h @ self._balanced(w.a).T + torch.tanh(h @ self._balanced(w.h).T + linear(x, w.x, w.b))
        return OneState(h=torch.add(h, change, alpha=self.pace))


@dataclass(frozen=True)
class MUT1(Gated):
    """The first of the three best cells found by search (Jozefowicz, Zaremba & Sutskever 2015)."""

    class Weights(NamedTuple):
        x: Tensor  # [3H, I]: update, reset, candidate
        r: Tensor  # [H, H]
        h: Tensor  # [H, H]
        b: Tensor  # [3, H]

    recurrent = ("r", "h")

    def init(self) -> Weights:
        H = self.hidden_size
        draw = ut.init.glorot
        return self.Weights(draw(H, self.input_size, 3), draw(H, H), draw(H, H), torch.zeros(3, H))

    def step(self, x: Tensor, state: OneState, w: Weights) -> OneState:
        for_z, for_r, for_h = linear(x, w.x).chunk(3, -1)
        z = sigmoid(for_z + w.b[0])
        r = sigmoid(for_r + linear(state.h, w.r) + w.b[1])
        h = tanh(linear(r * state.h, w.h) + tanh(for_h) + w.b[2])
        return OneState(h * z + state.h * (1 - z))


@dataclass(frozen=True)
class SCRN(ut.Cell):
    """Structurally constrained: a slow context of other size beside the fast units (Mikolov et al. 2015)."""

    context: int = 4
    alpha: float = 0.95

    class State(NamedTuple):
        h: Tensor  # [B, H] fast
        s: Tensor  # [B, context] slow

    class Weights(NamedTuple):
        a: Tensor  # [H, I]
        h: Tensor  # [H, H]
        p: Tensor  # [H, context]
        b: Tensor  # [context, I]

    def start(self, batch: int) -> State:
        return self.State(torch.zeros(batch, self.hidden_size), torch.zeros(batch, self.context))

    def init(self) -> Weights:
        H, draw = self.hidden_size, ut.init.glorot
        return self.Weights(
            draw(H, self.input_size), draw(H, H), draw(H, self.context), draw(self.context, self.input_size)
        )

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        s = (1 - self.alpha) * linear(x, w.b) + self.alpha * state.s
        return self.State(h=sigmoid(linear(s, w.p) + linear(x, w.a) + linear(state.h, w.h)), s=s)


@dataclass(frozen=True)
class FastGRNN(ut.Cell):
    """A residual with two learnt scalars, low rank, gate and candidate share weights (Kusupati et al. 2018)."""

    rank: int = 2

    State = OneState

    class Weights(NamedTuple):
        x: Tensor  # [H, I]
        down: Tensor  # [rank, H]
        up: Tensor  # [H, rank]
        b_z: Tensor  # [H]
        b_h: Tensor  # [H]
        zeta: Tensor  # one number
        nu: Tensor  # one number

    recurrent = ("down", "up")

    def init(self) -> Weights:
        H, draw = self.hidden_size, ut.init.glorot
        zeros = torch.zeros(2, H)
        scalars = torch.tensor(1.0), torch.tensor(-4.0)
        return self.Weights(
            draw(H, self.input_size), draw(self.rank, H), draw(H, self.rank), *zeros.unbind(), *scalars
        )

    def step(self, x: Tensor, state: OneState, w: Weights) -> OneState:
        pre = linear(x, w.x) + linear(linear(state.h, w.down), w.up)
        z, candidate = sigmoid(pre + w.b_z), tanh(pre + w.b_h)
        return OneState((sigmoid(w.zeta) * (1 - z) + sigmoid(w.nu)) * candidate + z * state.h)


@dataclass(frozen=True)
class SRU(ut.Cell):
    """Simple recurrent unit: no matrix meets the state, a highway to the input (Lei, Zhang, Wang, Dai & Artzi 2018)."""

    State = TwoStates

    class Weights(NamedTuple):
        x: Tensor  # [4H, I]: candidate, forget, reset, skip
        v: Tensor  # [2, H]
        b: Tensor  # [2, H]

    recurrent = ()

    def init(self) -> Weights:
        H = self.hidden_size
        return self.Weights(ut.init.glorot(H, self.input_size, 4), torch.zeros(2, H), torch.zeros(2, H))

    def step(self, x: Tensor, state: TwoStates, w: Weights) -> TwoStates:
        new, f, r, skip = linear(x, w.x).chunk(4, dim=-1)
        f = sigmoid(f + w.v[0] * state.c + w.b[0])
        r = sigmoid(r + w.v[1] * state.c + w.b[1])
        c = torch.lerp(new, state.c, f)
        return TwoStates(h=r * c + (1 - r) * skip, c=c)


@dataclass(frozen=True)
class ClockworkRNN(Gated):
    """Groups of units that tick at powers of two, the fast read the slow (Koutník, Greff, Gomez & Schmidhuber 2014)."""

    groups: int = 3

    class State(NamedTuple):
        h: Tensor  # [B, H]
        clock: Tensor  # [B, 1] steps so far

    def start(self, batch: int) -> State:
        return self.State(torch.zeros(batch, self.hidden_size), torch.zeros(batch, 1))

    def step(self, x: Tensor, state: State, w: Dense) -> State:
        group = torch.arange(self.hidden_size) * self.groups // self.hidden_size
        period = (2.0**group).to(x.dtype)
        reads = (group[None, :] >= group[:, None]).to(x.dtype)
        new = tanh(linear(x, w.x, w.b) + linear(state.h, w.h * reads))
        due = torch.remainder(state.clock, period) == 0
        return self.State(h=torch.where(due, new, state.h), clock=state.clock + 1)


@dataclass(frozen=True)
class LEM(ut.Cell):
    """Long expressive memory: two learnt time steps of two coupled states (Rusch, Mishra, Erichson & Mahoney 2022)."""

    pace: float = 1.0

    class State(NamedTuple):
        y: Tensor  # [B, H]
        z: Tensor  # [B, H]

    class Weights(NamedTuple):
        x: Tensor  # [4H, I]
        y: Tensor  # [3H, H]
        z: Tensor  # [H, H]
        b: Tensor  # [4H]

    recurrent = ("y", "z")

    def init(self) -> Weights:
        H, draw = self.hidden_size, ut.init.glorot
        return self.Weights(draw(H, self.input_size, 4), draw(H, H, 3), draw(H, H), torch.zeros(4 * H))

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        y, z = state
        from_x = linear(x, w.x, w.b).chunk(4, 1)
        from_y = linear(y, w.y).chunk(3, 1)
        slow = self.pace * sigmoid(from_x[0] + from_y[0])
        fast = self.pace * sigmoid(from_x[1] + from_y[1])
        z = (1.0 - slow) * z + slow * tanh(from_x[2] + from_y[2])
        y = (1.0 - fast) * y + fast * tanh(linear(z, w.z) + from_x[3])
        return self.State(y, z)


@dataclass(frozen=True)
class NBRC(Gated):
    """Neuromodulated bistable recurrent cell: a unit's own feedback may exceed one (Vecoven, Ernst & Drion 2021)."""

    class Weights(NamedTuple):
        x: Tensor  # [3H, I]: feedback, update, input
        h: Tensor  # [2H, H]
        b: Tensor  # [2H]

    def init(self) -> Weights:
        H = self.hidden_size
        return self.Weights(
            ut.init.glorot(H, self.input_size, 3), ut.init.orthogonal(H, 2), torch.zeros(2 * H)
        )

    def step(self, x: Tensor, state: OneState, w: Weights) -> OneState:
        H = self.hidden_size
        from_x = linear(x, w.x)
        a, c = torch.chunk(from_x[:, : 2 * H] + linear(state.h, w.h, w.b), 2, dim=1)
        a, c = 1 + tanh(a), sigmoid(c)
        return OneState(c * state.h + (1 - c) * tanh(from_x[..., 2 * H :] + a * state.h))


@dataclass(frozen=True)
class STAR(Gated):
    """Stackable: one gate, and the candidate does not see the state (Turkoglu, D'Aronco, Wegner & Schindler 2021)."""

    class Weights(NamedTuple):
        x: Tensor  # [2H, I]
        h: Tensor  # [H, H]
        b: Tensor  # [2H]

    def init(self) -> Weights:
        H = self.hidden_size
        return self.Weights(ut.init.glorot(H, self.input_size, 2), ut.init.orthogonal(H), torch.zeros(2 * H))

    def step(self, x: Tensor, state: OneState, w: Weights) -> OneState:
        z, k = linear(x, w.x, w.b).split(self.hidden_size, dim=-1)
        k = sigmoid(k + linear(state.h, w.h))
        return OneState(tanh((1 - k) * state.h + k * tanh(z)))


@dataclass(frozen=True)
class MGU2(ut.Cell):
    """A minimal gated unit whose gate sees the state alone, without a bias (Heck & Salem 2017)."""

    State = OneState

    class Weights(NamedTuple):
        x: Tensor  # [H, I]
        h: Tensor  # [2, H, H]
        b: Tensor  # [H]

    def init(self) -> Weights:
        H = self.hidden_size
        return self.Weights(
            ut.init.glorot(H, self.input_size), ut.init.orthogonal(H, 2).view(2, H, H), torch.zeros(H)
        )

    def step(self, x: Tensor, state: OneState, w: Weights) -> OneState:
        f = sigmoid(linear(state.h, w.h[0]))
        return OneState((1 - f) * state.h + f * tanh(linear(x, w.x, w.b) + linear(f * state.h, w.h[1])))


@dataclass(frozen=True)
class MultiplicativeLSTM(ut.Cell):
    """Every input chooses its own transition: the state enters as (W x)·(U h) (Krause, Murray, Renals & Lu 2016)."""

    State = TwoStates

    class Weights(NamedTuple):
        x: Tensor  # [5H, I]: middle, i, f, g, o
        m: Tensor  # [H, H]
        h: Tensor  # [4H, H]
        b: Tensor  # [4H]

    recurrent = ("m", "h")

    def init(self) -> Weights:
        H = self.hidden_size
        return self.Weights(
            ut.init.glorot(H, self.input_size, 5),
            ut.init.orthogonal(H),
            ut.init.orthogonal(H, 4),
            torch.zeros(4 * H),
        )

    def step(self, x: Tensor, state: TwoStates, w: Weights) -> TwoStates:
        H = self.hidden_size
        from_x = linear(x, w.x)
        middle = from_x[:, :H] * linear(state.h, w.m)
        i, f, g, o = (from_x[:, H:] + linear(middle, w.h, w.b)).chunk(4, dim=-1)
        c = sigmoid(f) * state.c + sigmoid(i) * tanh(g)
        return TwoStates(h=tanh(c) * sigmoid(o), c=c)


@dataclass(frozen=True)
class NASCell(ut.Cell):
    """The cell that a policy found by reward on Penn Treebank (Zoph & Le 2017)."""

    State = TwoStates
    Weights = Dense

    def init(self) -> Dense:
        H = self.hidden_size
        return Dense(ut.init.glorot(H, self.input_size, 8), ut.init.orthogonal(H, 8), torch.zeros(8 * H))

    def step(self, x: Tensor, state: TwoStates, w: Dense) -> TwoStates:
        a = linear(x, w.x, w.b).chunk(8, -1)
        b = linear(state.h, w.h).chunk(8, -1)
        first = tanh(sigmoid(a[0] + b[0]) * relu(a[1] + b[1]))
        second = tanh(sigmoid(a[2] + b[2]) + relu(a[3] * b[3]))
        third = tanh(tanh(a[4] + b[4]) * sigmoid(a[5] + b[5]))
        fourth = sigmoid(tanh(a[6] + b[6]) + sigmoid(a[7] + b[7]))
        c = tanh(first + state.c) * second
        return TwoStates(h=tanh(tanh(c) * tanh(third + fourth)), c=c)


@dataclass(frozen=True)
class RecurrentWeightedAverage(ut.Cell):
    """The state is a running average by learnt weights, kept from overflowing (Ostmeyer & Cowell 2017)."""

    class State(NamedTuple):
        h: Tensor  # [B, H]
        n: Tensor  # [B, H] weighted sum
        d: Tensor  # [B, H] sum of weights
        a: Tensor  # [B, H] largest exponent so far

    class Weights(NamedTuple):
        u: Tensor  # [H, I]
        g: Tensor  # [H, I + H]
        a: Tensor  # [H, I + H]
        b: Tensor  # [2, H]

    recurrent = ("g", "a")

    def start(self, batch: int) -> State:
        zeros = torch.zeros(batch, self.hidden_size)
        return self.State(zeros, zeros, zeros, torch.full_like(zeros, -30.0))

    def init(self) -> Weights:
        I, H = self.input_size, self.hidden_size  # noqa: E741 - the letters of the head
        draw = ut.init.glorot
        return self.Weights(draw(H, I), draw(H, I + H), draw(H, I + H), torch.zeros(2, H))

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        both = torch.cat((x, state.h), dim=-1)
        z = linear(x, w.u, w.b[0]) * tanh(linear(both, w.g, w.b[1]))
        exponent = linear(both, w.a)
        a = torch.maximum(state.a, exponent)
        old, new = torch.exp(state.a - a), torch.exp(exponent - a)
        n, d = state.n * old + z * new, state.d * old + new
        return self.State(h=tanh(n / (d.abs() + 1e-3)), n=n, d=d, a=a)


@dataclass(frozen=True)
class DeltaRNN(ut.Cell):
    """Old and new meet by sum and by product, weighted a unit (Ororbia, Mikolov & Reitter 2017)."""

    State = OneState

    class Weights(NamedTuple):
        x: Tensor  # [H, I]
        h: Tensor  # [H, H]
        alpha: Tensor  # [H]
        beta: Tensor  # [2, H]
        b: Tensor  # [2, H]

    def init(self) -> Weights:
        H = self.hidden_size
        ones, zeros = torch.ones(2, H), torch.zeros(2, H)
        return self.Weights(
            ut.init.glorot(H, self.input_size), ut.init.orthogonal(H), torch.ones(H), ones, zeros
        )

    def step(self, x: Tensor, state: OneState, w: Weights) -> OneState:
        from_x, from_h = linear(x, w.x), linear(state.h, w.h)
        inner = w.alpha * from_h * from_x + w.beta[0] * from_h + w.beta[1] * from_x + w.b[0]
        r = sigmoid(from_x + w.b[1])
        return OneState(F.leaky_relu((1 - r) * tanh(inner) + r * state.h))


@dataclass(frozen=True)
class UnitaryRNN(ut.Cell):
    """Complex units, turned and mixed in pairs, passed through modReLU (after Arjovsky, Shah & Bengio 2016; Jing et al. 2017)."""  # noqa: E501

    State = OneState

    class Weights(NamedTuple):
        x: Tensor  # [H, I]: real halves, imaginary halves
        angle: Tensor  # [2, H / 2]
        b: Tensor  # [H / 2]

    recurrent = ()

    def init(self) -> Weights:
        half = self.hidden_size // 2
        angles = torch.empty(2, half).uniform_(-3.14, 3.14)
        return self.Weights(ut.init.glorot(self.hidden_size, self.input_size), angles, torch.zeros(half))

    def step(self, x: Tensor, state: OneState, w: Weights) -> OneState:
        half = self.hidden_size // 2
        real, imaginary = state.h[:, :half], state.h[:, half:]
        cos, sin = torch.cos(w.angle[0]), torch.sin(w.angle[0])
        real, imaginary = cos * real - sin * imaginary, sin * real + cos * imaginary
        turn = w.angle[1]
        partner = torch.cat([real[:, 1:], real[:, :1]], dim=1)  # the neighbour, round a ring
        real = turn.cos() * real - turn.sin() * partner
        u, v = linear(x, w.x).chunk(2, dim=-1)
        real, imaginary = real + u, imaginary + v
        length = torch.sqrt(real**2 + imaginary**2 + 1e-5)
        scale = relu(length + w.b) / length
        return OneState(torch.cat([scale * real, scale * imaginary], dim=1))


@dataclass(frozen=True)
class ExpRNN(ut.Cell):
    """The recurrent matrix is orthogonal by the exponential of a skew one (Lezcano-Casado & Martínez-Rubio 2019)."""

    State = OneState
    Weights = Dense

    def init(self) -> Dense:
        H = self.hidden_size
        return Dense(ut.init.glorot(H, self.input_size), ut.init.glorot(H, H), torch.zeros(H))

    def step(self, x: Tensor, state: OneState, w: Dense) -> OneState:
        skew = w.h.triu(1)
        z = linear(state.h, torch.linalg.matrix_exp(skew - skew.T)) + linear(x, w.x)
        return OneState(torch.sign(z) * relu(z.abs() + w.b))


@dataclass(frozen=True)
class ScalarLSTM(ut.Cell):
    """sLSTM: exponential gates with a normaliser and a stabiliser (Beck et al. 2024)."""

    class State(NamedTuple):
        h: Tensor  # [B, H]
        c: Tensor  # [B, H]
        n: Tensor  # [B, H]
        m: Tensor  # [B, H]

    Weights = Dense

    def start(self, batch: int) -> State:
        zeros = torch.zeros(batch, self.hidden_size)
        return self.State(zeros, zeros, zeros + 1, zeros)

    def init(self) -> Dense:
        H = self.hidden_size
        return Dense(ut.init.glorot(H, self.input_size, 4), ut.init.orthogonal(H, 4), torch.zeros(4 * H))

    def step(self, x: Tensor, state: State, w: Dense) -> State:
        i, f, z, o = (linear(x, w.x, w.b) + linear(state.h, w.h)).chunk(4, dim=-1)
        f = logsigmoid(f)
        m = torch.maximum(f + state.m, i)
        i, f = torch.exp(i - m), torch.exp(f + state.m - m)
        c, n = f * state.c + i * tanh(z), f * state.n + i
        return self.State(h=sigmoid(o) * c / n.abs().clamp(min=1e-2), c=c, n=n, m=m)


@dataclass(frozen=True)
class LightGRU(Gated):
    """No reset gate, ReLU, and the input's share normalised (Ravanelli, Brakel, Omologo & Bengio 2018)."""

    gates = 2

    def step(self, x: Tensor, state: OneState, w: Dense) -> OneState:
        both = layer_norm(linear(x, w.x), w.b.shape) + linear(state.h, w.h) + w.b
        z, candidate = both.tensor_split(2, dim=-1)
        z = z.sigmoid()
        return OneState(z * state.h + (1 - z) * F.relu(candidate))


@dataclass(frozen=True)
class BeliefFilter(ut.Cell):
    """Forward algorithm of a hidden Markov model: what is believed of the hidden state (Rabiner 1989)."""

    class State(NamedTuple):
        p: Tensor  # [B, H], sums to 1
        evidence: Tensor  # [B, 1], log-likelihood so far

    class Weights(NamedTuple):
        x: Tensor  # [H, I] emission
        h: Tensor  # [H, H] transition, logits

    def start(self, batch: int) -> State:
        p = torch.full((batch, self.hidden_size), 1 / self.hidden_size)
        return self.State(p, torch.zeros(batch, 1))

    def init(self) -> Weights:
        H = self.hidden_size
        return self.Weights(ut.init.glorot(H, self.input_size), ut.init.glorot(H, H))

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        predicted = torch.matmul(softmax(state.p, dim=-1), softmax(w.h, dim=1))
        joint = torch.log(predicted) + linear(x, w.x).log_softmax(dim=-1)
        seen = torch.logsumexp(joint, dim=1, keepdim=True)
        return self.State(p=torch.softmax(joint, 1), evidence=state.evidence + seen)


@dataclass(frozen=True)
class LiquidTimeConstant(ut.Cell):
    """Units whose pace the input sets, by a fused solver of a few inner steps (Hasani, Lechner, Amini, Rus & Grosu 2021)."""  # noqa: E501

    unfolds: int = 3

    State = OneState

    class Weights(NamedTuple):
        x: Tensor  # [H, I]
        h: Tensor  # [H, H]
        b: Tensor  # [H]
        tau: Tensor  # [H]
        a: Tensor  # [H]

    def init(self) -> Weights:
        H = self.hidden_size
        return self.Weights(
            ut.init.glorot(H, self.input_size), ut.init.orthogonal(H), *torch.zeros(3, H).unbind()
        )

    def step(self, x: Tensor, state: OneState, w: Weights) -> OneState:
        pace, h, from_x = 1.0 / self.unfolds, state.h, linear(x, w.x, w.b)
        for _ in range(self.unfolds):
            f = sigmoid(from_x + linear(h, w.h))
            h = (h + pace * f * w.a) / (1 + pace * (softplus(w.tau) + f))
        return OneState(h)


@dataclass(frozen=True)
class ShortTermPlasticity(ut.Cell):
    """Synapses tire and recover; excitatory and inhibitory units by Dale's law (Masse, Yang, Song, Wang & Freedman 2019)."""  # noqa: E501

    leak: float = 0.2

    class State(NamedTuple):
        h: Tensor  # [B, H] firing rate
        free: Tensor  # [B, H] available transmitter
        used: Tensor  # [B, H] its utilisation

    class Weights(NamedTuple):
        x: Tensor  # [H, I]
        h: Tensor  # [H, H]
        b: Tensor  # [H]
        rest: Tensor  # [H]

    def init(self) -> Weights:
        H = self.hidden_size
        return self.Weights(
            ut.init.glorot(H, self.input_size), ut.init.orthogonal(H), *torch.zeros(2, H).unbind()
        )

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        sign = torch.ones(self.hidden_size, dtype=x.dtype)
        sign[::5] = -1
        rest = torch.sigmoid(w.rest)
        free = state.free + 0.1 * (1 - state.free) - 0.5 * state.used * state.free * state.h
        used = state.used + 0.05 * (rest - state.used) + 0.5 * rest * (1 - state.used) * state.h
        free, used = torch.clamp(free, 0, 1), used.clamp(min=0.0, max=1.0)
        drive = linear(free * used * state.h, F.relu(w.h) * sign) + linear(x, w.x, w.b)
        return self.State(F.relu(torch.lerp(state.h, drive, self.leak)), free, used)


@dataclass(frozen=True)
class SpikingUnits(ut.Cell):
    """Leaky integrate-and-fire with a threshold that adapts; a straight-through spike (Bellec et al. 2018)."""

    class State(NamedTuple):
        spike: Tensor  # [B, H]
        v: Tensor  # [B, H] voltage
        a: Tensor  # [B, H] adaptation

    Weights = Dense

    def init(self) -> Dense:
        H = self.hidden_size
        return Dense(ut.init.glorot(H, self.input_size), ut.init.orthogonal(H), torch.zeros(H))

    def step(self, x: Tensor, state: State, w: Dense) -> State:
        a = 0.97 * state.a + state.spike
        threshold = 0.3 + 0.18 * a
        v = 0.9 * state.v + linear(x, w.x, w.b) + linear(state.spike, w.h) - threshold * state.spike
        soft = sigmoid(4 * (v - threshold))
        hard = (v > threshold).to(v.dtype)
        return self.State(spike=soft + (hard - soft).detach(), v=v, a=a)


@dataclass(frozen=True)
class QRNN(ut.Cell):
    """Quasi-recurrent, window 2: gates are a convolution in time, pooling is pointwise (Bradbury, Merity, Xiong & Socher 2017)."""  # noqa: E501

    class State(NamedTuple):
        h: Tensor  # [B, H]
        c: Tensor  # [B, H]
        x: Tensor  # [B, I] the input before

    class Weights(NamedTuple):
        x: Tensor  # [3H, 2I]
        b: Tensor  # [3H]

    recurrent = ()

    def start(self, batch: int) -> State:
        zeros = torch.zeros(batch, self.hidden_size)
        return self.State(zeros, zeros, torch.zeros(batch, self.input_size))

    def init(self) -> Weights:
        H = self.hidden_size
        return self.Weights(ut.init.glorot(H, 2 * self.input_size, 3), torch.zeros(3 * H))

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        z, f, o = linear(torch.hstack([state.x, x]), w.x, w.b).chunk(3, -1)
        f = sigmoid(f)
        c = f * state.c + (1 - f) * tanh(z)
        return self.State(h=sigmoid(o) * c, c=c, x=x)


@dataclass(frozen=True)
class PhasedLSTM(ut.Cell):
    """A time gate opens for a small share of every unit's own period (Neil, Pfeiffer & Liu 2016)."""

    opens: float = 0.3
    leak: float = 0.01

    class State(NamedTuple):
        h: Tensor  # [B, H]
        c: Tensor  # [B, H]
        time: Tensor  # [B, 1]

    class Weights(NamedTuple):
        x: Tensor  # [4H, I]
        h: Tensor  # [4H, H]
        b: Tensor  # [4H]
        period: Tensor  # [H], as a logarithm
        shift: Tensor  # [H]

    def start(self, batch: int) -> State:
        zeros = torch.zeros(batch, self.hidden_size)
        return self.State(zeros, zeros, torch.zeros(batch, 1))

    def init(self) -> Weights:
        H = self.hidden_size
        return self.Weights(
            ut.init.glorot(H, self.input_size, 4),
            ut.init.orthogonal(H, 4),
            torch.zeros(4 * H),
            torch.empty(H).uniform_(0, 3),
            torch.empty(H).uniform_(0, 1),
        )

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        i, f, g, o = (linear(x, w.x, w.b) + linear(state.h, w.h)).chunk(4, dim=-1)
        c = sigmoid(f) * state.c + sigmoid(i) * tanh(g)
        h = sigmoid(o) * tanh(c)
        period = torch.exp(w.period)
        phase = ((state.time - w.shift) % period) / period
        closing = torch.where(phase < self.opens, 2 - 2 * phase / self.opens, self.leak * phase)
        k = torch.where(phase < self.opens / 2, 2 * phase / self.opens, closing)
        return self.State(k * h + (1 - k) * state.h, k * c + (1 - k) * state.c, state.time + 1)


@dataclass(frozen=True)
class MixedActivations(Gated):
    """Blocks of gates with an activation each: GELU (Hendrycks & Gimpel 2016), SiLU (Elfwing 2018), hard gates (Courbariaux 2016)."""  # noqa: E501

    gates = 6

    def step(self, x: Tensor, state: OneState, w: Dense) -> OneState:
        a, b, c, d, e, f = (linear(x, w.x, w.b) + linear(state.h, w.h)).chunk(6, dim=-1)
        gate = F.relu6(a + 3) / 6 * F.hardtanh(b)
        new = F.gelu(c) + F.silu(d) - F.elu(e) + F.softsign(f) + F.hardswish(a) + F.mish(b)
        new = new + F.gelu(d, approximate="tanh") + torch.atan(e) + F.softplus(f) + F.relu6(c) - F.selu(d)
        return OneState(
            gate * state.h + 0.1 * (1 - gate) * new / (1 + new.square().mean(-1, keepdim=True)).sqrt()
        )


@dataclass(frozen=True)
class CompetingUnits(ut.Cell):
    """Units compete for what is written by softmax; gates lie along an axis of their own (after Graves et al. 2014)."""

    State = OneState
    Weights = Dense

    def init(self) -> Dense:
        H = self.hidden_size
        return Dense(ut.init.glorot(H, self.input_size, 3), ut.init.orthogonal(H, 3), torch.zeros(3 * H))

    def step(self, x: Tensor, state: OneState, w: Dense) -> OneState:
        gates = (linear(x, w.x, w.b) + linear(state.h, w.h)).view(-1, 3, self.hidden_size)
        focus, new, keep = gates.unbind(1)
        share = softmax(focus, dim=-1) * self.hidden_size
        h = torch.sigmoid(keep) * state.h + share * torch.tanh(new - new.mean(dim=-1, keepdim=True))
        return OneState(h / h.norm(dim=-1, keepdim=True).clamp_min(1.0))


I, H = 3, 5  # noqa: E741 - the letters of the head
USER_CELLS = [
    UGRNN(I, H),
    IntersectionRNN(I, H),
    JANET(I, H),
    AntisymmetricRNN(I, H),
    CoRNN(I, H),
    LipschitzRNN(I, H),
    MUT1(I, H),
    SCRN(I, H),
    FastGRNN(I, H),
    SRU(I, H),
    ClockworkRNN(I, H),
    LEM(I, H),
    NBRC(I, H),
    STAR(I, H),
    MGU2(I, H),
    MultiplicativeLSTM(I, H),
    NASCell(I, H),
    RecurrentWeightedAverage(I, H),
    DeltaRNN(I, H),
    UnitaryRNN(I, 6),
    ExpRNN(I, H),
    ScalarLSTM(I, H),
    LightGRU(I, H),
    BeliefFilter(I, H),
    LiquidTimeConstant(I, H),
    ShortTermPlasticity(I, H),
    SpikingUnits(I, H),
    QRNN(I, H),
    PhasedLSTM(I, H),
    MixedActivations(I, H),
    CompetingUnits(I, H),
]
