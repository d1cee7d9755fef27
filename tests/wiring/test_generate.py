"""Generating equals reading the whole sequence anew at every step.

Letters: B sequences side by side, N tokens drawn, V tokens.
"""

import pytest
import torch

import undertow as ut
from undertow import cells
from undertow.wiring.generate import Sampling, draw, generate
from undertow.wiring.next_token import NextToken

V = 6
KINDS = pytest.mark.parametrize("kind", [cells.RNN, cells.LSTM, cells.GRU], ids=lambda kind: kind.__name__)
WAYS = [
    ("numba", Sampling(temperature=0)),  # with a temperature, kernels have random numbers of their own
    *(("eager", how) for how in (Sampling(temperature=0), Sampling(seed=5), Sampling(0.7, top_k=3))),
]
PREFIXES = pytest.mark.parametrize("prefix", [[0], [3, 1, 4, 1, 5]], ids=str)


def vivid(kind=cells.LSTM, engine="auto"):
    """An untrained network with decided opinions, so that what it says depends on what it read."""
    model = NextToken(V, ut.Recurrent(kind(5, 11), layers=2, engine=engine)).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(3)
        model.readout.weight.mul_(10)
    return model


def read_anew(model, prefix, count, longest, how, stop):
    """The slow twin: no state is carried."""
    generator = torch.Generator().manual_seed(how.seed)
    rows = torch.tensor(prefix)[:, None].repeat(1, count)
    ended = [False] * count
    while len(rows) < len(prefix) + longest and not all(ended):
        scores, _ = model(rows)
        tokens = draw(scores[-1], how, generator)
        for row in range(count):
            if ended[row]:
                tokens[row] = stop
            ended[row] = ended[row] or int(tokens[row]) == stop
        rows = torch.cat([rows, tokens[None]])
    return rows[len(prefix) :]


@KINDS
@PREFIXES
@pytest.mark.parametrize("stop", [None, 0, 2])
@pytest.mark.parametrize(("engine", "how"), WAYS, ids=str)
def test_carried_state_equals_reading_anew(kind, prefix, stop, engine, how):
    model = vivid(kind, engine)
    with torch.no_grad():
        twin = read_anew(model, prefix, 3, 12, how, stop)
    assert torch.equal(generate(model, torch.tensor(prefix), 3, 12, how, stop), twin)


def test_opinions_are_vivid():
    """Else the twins above agree on nothing but one character."""
    drawn = generate(vivid(), torch.tensor([0]), 1, 25, Sampling(temperature=0), None)
    assert len(set(drawn.flatten().tolist())) > 1


def test_the_prefix_is_read():
    model, how = vivid(), Sampling(temperature=0)
    answers = {tuple(generate(model, torch.tensor([0, a, b]), 1, 8, how, None).flatten().tolist())
               for a in range(V) for b in range(V)}  # fmt: skip
    assert len(answers) > 3


def test_after_the_stop_only_the_stop():
    drawn = generate(vivid(), torch.tensor([1]), 200, 40, Sampling(), 0)
    for sequence in drawn.T.tolist():
        if 0 in sequence:
            assert not any(sequence[sequence.index(0) :])
    lengths = {sequence.index(0) for sequence in drawn.T.tolist() if 0 in sequence}
    assert len(lengths) > 3


def test_it_ends_when_all_have_stopped():
    model = vivid()
    with torch.no_grad():
        model.readout.bias[0] = 1e4
    assert generate(model, torch.tensor([1]), 7, 40, Sampling(), 0).tolist() == [[0] * 7]
    assert generate(model, torch.tensor([1]), 7, 40, Sampling(), None).shape == (40, 7)


def test_seeds():
    model = vivid()
    first, again, other = (
        generate(model, torch.tensor([1]), 9, 30, Sampling(seed=s), None) for s in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_drawing_leaves_the_global_generator_alone():
    before = torch.get_rng_state()
    generate(vivid_before := vivid(), torch.tensor([1]), 2, 5, Sampling(), None)
    torch.set_rng_state(before)
    generate(vivid_before, torch.tensor([1]), 2, 5, Sampling(), None)
    assert torch.equal(torch.get_rng_state(), before)


def test_nothing_asked_is_nothing_drawn():
    assert generate(vivid(), torch.tensor([1]), 4, 0, Sampling(), None).shape == (0, 4)
