"""Are characters drawn faster than by a loop of torch.nn steps, as people write it?

The loop: embedding, one step of the layers, linear map, softmax, torch.multinomial, in torch.no_grad(); the same
weights on both sides. Correctness first: nothing is timed before both give the same likeliest characters. Paired runs
in one process, medians of ratios with their 5-95 % range. A cell that torch.nn does not have is compared with the same
loop over its own step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from undertow.bench import named
from undertow.bench.machine import beside, read_gbytes
from undertow.bench.paired import paired
from undertow.cells import GRU, LSTM
from undertow.compiler.sampling import make_ready
from undertow.errors import UndertowError
from undertow.recurrent.recurrent import Recurrent
from undertow.wiring.generate import Sampling, generate, net_of
from undertow.wiring.next_token import NextToken

TEXT = "drawing characters, against a loop of torch.nn steps"
TOKENS = 65
EMBEDDING = 64
STEPS = 500  # characters of each sequence in one run
COMPARED = 100  # of them, without chance, before anything is timed
PEERS: dict[type[Any], Any] = {LSTM: nn.LSTM, GRU: nn.GRU}

Step = Callable[[Tensor, Any], tuple[Tensor, Any]]  # tokens [B] and the state -> scores [B, V] and the state


@dataclass(frozen=True)
class Case:
    """One network and how many sequences it draws side by side."""

    cell: str
    hidden: int
    layers: int
    batch: int
    bar: float | None = None  # ratio to reach


CASES = (
    Case("lstm", 128, 1, 1, bar=10.0),
    Case("lstm", 256, 2, 1, bar=4.0),
    Case("lstm", 256, 2, 64, bar=1.5),
    Case("gru", 256, 2, 1),
    Case("gru", 256, 2, 64),
    Case("gated_output_lstm", 256, 2, 1),
    Case("gated_output_lstm", 256, 2, 64),
)


@dataclass(frozen=True)
class Row:
    """One case, measured. What was not measured is None."""

    cell: str
    hidden: int
    layers: int
    batch: int
    against: str  # torch.nn's layer, or the eager step
    bar: float | None = None
    base_ms: float | None = None  # a run of STEPS characters of each sequence
    ours_ms: float | None = None
    ratio: float | None = None  # base / ours, the median of pairs
    low: float | None = None  # of its 5-95 % range
    high: float | None = None
    pairs: int | None = None
    base_characters: float | None = None  # a second, all sequences together
    ours_characters: float | None = None
    gbytes: float | None = None  # of weights read a second, where one sequence is drawn
    read_gbytes: float | None = None  # reading as many bytes again and again, beside this row
    met: bool | None = None
    error: str = ""  # why there are no figures

    @property
    def lost(self) -> bool:
        """Is a bar missed?"""
        return self.met is False


def measure(seconds: float, tell: Callable[[str], None]) -> Iterator[Row]:
    """Every case, as it comes."""
    for case in CASES:
        row = _row(case, seconds)
        name = f"{row.cell} H {row.hidden}, {row.layers} layers, batch {row.batch} against {row.against}"
        tell(f"{name}: {row.error or f'{row.ratio:.1f}'}")
        yield row


def shown(row: Row) -> dict[str, str]:
    """A row as a person reads it."""

    def number(value: float | None, form: str) -> str:
        return "" if value is None else format(value, form)

    roof = "" if row.read_gbytes is None else f" of {row.read_gbytes:.0f}"
    return {
        "cell": row.cell,
        "H": str(row.hidden),
        "layers": str(row.layers),
        "batch": str(row.batch),
        "against": row.against,
        "base chars/s": number(row.base_characters, ",.0f"),
        "ours chars/s": number(row.ours_characters, ",.0f"),
        "ratio": number(row.ratio, ".1f"),
        "5-95 %": "" if row.low is None else f"{row.low:.1f}-{row.high:.1f}",
        "bar": number(row.bar, "g"),
        "met": "" if row.met is None else "yes" if row.met else "NO",
        "weights GB/s": number(row.gbytes, ".0f") + roof,
        "note": row.error,
    }


def _row(case: Case, seconds: float) -> Row:
    model = network(case)
    step, against = stepped(model)
    row = Row(case.cell, case.hidden, case.layers, case.batch, against, case.bar)
    start = torch.zeros(case.batch, dtype=torch.long)
    try:
        apart = disagreement(model, step, start)
    except UndertowError as error:
        return replace(row, error=str(error), met=None if case.bar is None else False)
    if apart:
        return replace(row, error=apart, met=None if case.bar is None else False)
    size = weight_bytes(model)
    with beside(lambda: read_gbytes(size)) as roof:
        found = paired(
            lambda: by_hand(step, start, STEPS), lambda: by_kernel(model, case.batch), seconds, roof.once_more
        )
    characters = 1e3 * STEPS * case.batch
    row = replace(
        row,
        **asdict(found),
        base_characters=characters / found.base_ms,
        ours_characters=characters / found.ours_ms,
        met=None if case.bar is None else found.ratio >= case.bar,
    )
    if case.batch > 1:
        return row
    return replace(row, gbytes=size * STEPS / found.ours_ms / 1e6, read_gbytes=roof.speed)


def network(case: Case) -> NextToken:
    """A network with the start that torch.nn gives its layers."""
    torch.manual_seed(0)
    cell = named.find(case.cell)(EMBEDDING, case.hidden)
    model = NextToken(TOKENS, Recurrent(cell, case.layers, engine="numba")).eval()
    bound = case.hidden**-0.5
    with torch.no_grad():
        for parameter in (*model.recurrent.parameters(), *model.readout.parameters()):
            parameter.uniform_(-bound, bound)
    return model


def stepped(model: NextToken) -> tuple[Step, str]:
    """One step of the same network as people write it, and what it is made of."""
    kind = PEERS.get(type(model.recurrent.cell))
    if kind is None:
        return _own_step(model), "the eager loop"
    peer = _peer(model, kind)

    def step(tokens: Tensor, state: Any) -> tuple[Tensor, Any]:
        y, state = peer(model.embedding(tokens)[None], state)
        return model.readout(y[-1]), state

    return step, f"torch.nn.{kind.__name__}"


def _own_step(model: NextToken) -> Step:
    plain = Recurrent(model.recurrent.cell, model.recurrent.stack.layers, engine="eager")
    plain.load_state_dict(model.recurrent.state_dict())

    def step(tokens: Tensor, state: Any) -> tuple[Tensor, Any]:
        y, state = plain(model.embedding(tokens)[None], start=state)
        return model.readout(y[-1]), state

    return step


def _peer(model: NextToken, kind: Any) -> Any:
    """torch.nn's layers with the same weights."""
    cell = model.recurrent.cell
    peer: Any = kind(cell.input_size, cell.hidden_size, model.recurrent.stack.layers)
    with torch.no_grad():
        for layer in range(model.recurrent.stack.layers):
            weights = model.recurrent.weights(layer)
            getattr(peer, f"weight_ih_l{layer}").copy_(weights.x)
            getattr(peer, f"weight_hh_l{layer}").copy_(weights.h)
            getattr(peer, f"bias_ih_l{layer}").copy_(weights.b)
            recurrent = getattr(peer, f"bias_hh_l{layer}").zero_()
            if isinstance(cell, GRU):
                recurrent[2 * cell.hidden_size :] = weights.q
    return peer


@torch.no_grad()
def by_hand(step: Step, tokens: Tensor, steps: int, greedy: bool = False) -> Tensor:
    """The loop, [steps, B]: the likeliest characters, or drawn ones."""
    state, drawn = None, []
    for _ in range(steps):
        scores, state = step(tokens, state)
        if greedy:
            tokens = scores.argmax(dim=-1)
        else:
            tokens = torch.multinomial(torch.softmax(scores, dim=-1), num_samples=1).squeeze(-1)
        drawn.append(tokens)
    return torch.stack(drawn)


def by_kernel(model: NextToken, batch: int, steps: int = STEPS, greedy: bool = False) -> Tensor:
    """The same by kernel."""
    how = Sampling(temperature=0.0 if greedy else 1.0)
    return generate(model, torch.zeros(1, dtype=torch.long), batch, steps, how, None)


def disagreement(model: NextToken, step: Step, start: Tensor) -> str:
    """Where do the two sides' likeliest characters part, in one sentence; nothing where they do not."""
    wanted = by_hand(step, start, COMPARED, greedy=True)
    got = by_kernel(model, len(start), COMPARED, greedy=True)
    apart = (got != wanted).any(dim=1).nonzero()
    return f"the likeliest characters part at character {int(apart[0])}" if len(apart) else ""


def weight_bytes(model: NextToken) -> int:
    """Weights that every character reads, as they lie in memory."""
    net = net_of(model)
    assert net is not None
    return make_ready(net).weight_bytes
