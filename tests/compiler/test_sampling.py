"""Sequences from the kernel, token for token those of the eager network drawn with the same random numbers.

The oracle steps the network in float64, narrows its scores as the eager path does, and draws by Philox written in
plain Python. Letters: P given tokens, B sequences, N tokens of each, V tokens there are.
"""

import _thread
import threading
import time
import warnings

import pytest
import torch
from agreement import case_named
from torch.testing import assert_close

import undertow as ut
from cases import CELLS, Associative, H, I
from undertow import cells
from undertow.compiler import engine, sampling
from undertow.compiler.engine import EagerWarning
from undertow.compiler.generation import DRAWN, Begin
from undertow.compiler.sampling import make_ready, sample
from undertow.errors import DivergedError, SettingError
from undertow.wiring.generate import Sampling, generate, narrowed, net_of
from undertow.wiring.next_token import NextToken

V = 7
GREEDY = Sampling(temperature=0)
LSTM, GRU = cells.LSTM(I, H), cells.GRU(I, H)


def network(cell=LSTM, layers=2, tokens=V, dtype=torch.float64, engine="numba", **settings):
    """An untrained network with decided opinions, so that what it says depends on what it read."""
    torch.manual_seed(3)
    model = NextToken(tokens, ut.Recurrent(cell, layers=layers, engine=engine, **settings)).to(dtype).eval()
    with torch.no_grad():
        for parameter in model.recurrent.parameters():
            parameter.normal_(0, 0.8)
        model.readout.weight.normal_(0, 2)
        model.readout.bias.normal_(0, 0.3)
    return model


def start(model, count):
    return [
        cell.State(*(s.to(model.readout.weight) for s in cell.start(count)))
        for cell in model.recurrent.stack.cells
    ]


def begin(model, tokens, how=GREEDY, **more):
    """`tokens` [P, B], or how many sequences begin with token 0, 1, 2 and so on."""
    tokens = torch.arange(tokens)[None] % V if isinstance(tokens, int) else torch.as_tensor(tokens)
    return Begin(tokens, start(model, tokens.shape[1]), how, **more)


def drawn(model, given, longest=30):
    return sample(net_of(model), given, longest)


def uniform(seed, sequence, step):
    """Philox4x32-10, in plain Python."""
    low, mask = 0xFFFFFFFF, 2**32
    keys, counter = [seed & low, seed >> 32], [step & low, step >> 32, sequence & low, sequence >> 32]
    for _ in range(10):
        left, right = 0xD2511F53 * counter[0], 0xCD9E8D57 * counter[2]
        counter = [
            right // mask ^ counter[1] ^ keys[0],
            right & low,
            left // mask ^ counter[3] ^ keys[1],
            left & low,
        ]
        keys = [(keys[0] + 0x9E3779B9) & low, (keys[1] + 0xBB67AE85) & low]
    return ((counter[0] >> 5) * 2**26 + (counter[1] >> 6)) / 2**53


def pick(scores, how, sequence, step):
    """The token drawn from scores [V]."""
    if how.temperature == 0:
        return int(scores.argmax())
    shares = torch.softmax(narrowed((scores - scores.max())[None] / how.temperature, how), -1)[0]
    passed = shares.cumsum(0) > uniform(how.seed, sequence, step) * shares.sum()
    return int(passed.nonzero()[0])


@torch.no_grad()
def oracle(model, given, longest):
    """What `sample` ought to give: tokens [N, B], and the states before each sequence's last token is read."""
    model.recurrent.set_engine("eager")
    token, state, ended = given.tokens[0].clone(), given.states, [False] * given.tokens.shape[1]
    last = [[field.clone() for field in layer] for layer in given.states]
    rows = []
    while len(rows) < longest + len(given.tokens) - 1 and not all(ended):
        scores, state = model(token[None], start=state)
        step, token = len(rows), token.clone()
        asked = given.tokens[step + 1] if step + 1 < len(given.tokens) else torch.full_like(token, DRAWN)
        for b in range(len(token)):
            if ended[b]:
                token[b] = given.stop
                continue
            for kept, new in zip(last, state, strict=True):
                for field, value in zip(kept, new, strict=True):
                    field[b] = value[b]
            token[b] = asked[b]
            if asked[b] == DRAWN:
                token[b] = pick(scores[0, b].double(), given.how, b + given.skip, step + given.step)
                ended[b] = given.stop is not None and int(token[b]) == given.stop
        rows.append(token)
    model.recurrent.set_engine("numba")
    return torch.stack(rows), last


def assert_as_oracle(model, given, longest=30, tolerance=1e-10):
    got, (tokens, states) = drawn(model, given, longest), oracle(model, given, longest)
    assert torch.equal(got.tokens, tokens)
    assert_close([[*s] for s in got.states], states, rtol=tolerance, atol=tolerance)
    return got.tokens


# ---- every cell


DISTINCT = list(
    {type(case.cell): case for case in reversed(CELLS) if case.name != "highway_depth_3"}.values()
)


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("case", DISTINCT, ids=str)
def test_greedy_tokens_are_the_eager_path_s(case, layers):
    model = network(case.cell, layers)
    assert assert_as_oracle(model, begin(model, 3), 12).shape == (12, 3)
    assert assert_as_oracle(model, begin(model, 3, Sampling(4.0, seed=1)), 12).unique().numel() > 2
    prefix = torch.tensor([2, 5])
    by_kernel = generate(model, prefix, 2, 9, GREEDY, None)
    model.recurrent.set_engine("eager")
    assert torch.equal(by_kernel, generate(model, prefix, 2, 9, GREEDY, None))


def test_the_networks_have_opinions():
    """Else the twins above agree on nothing but one token."""
    said = [oracle(network(c.cell), begin(network(c.cell), 3), 12)[0].unique().numel() for c in DISTINCT]
    assert sum(said) > 2 * len(said)


OTHERS = {
    "several states of several widths": (case_named("qrnn").cell, {}),
    "a projection": (LSTM, {"projection": 4}),
    "zoneout": (LSTM, {"zoneout": (0.3, 0.1)}),
    "three layers": (GRU, {"layers": 3}),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_networks(name):
    cell, settings = OTHERS[name]
    model = network(cell, **settings)
    assert_as_oracle(model, begin(model, 3, Sampling(seed=4)), 15)


def test_a_table_that_were_too_large(monkeypatch):
    """Then the first layer reads rows of the embedding."""
    monkeypatch.setattr(sampling, "TABLE_BYTES", 0)
    model = network(GRU)
    assert [t.shape for t in make_ready(net_of(model)).layers[0].tables] == [(V, I)]
    assert_as_oracle(model, begin(model, 3, Sampling(seed=4)), 15)


# ---- every way to draw


@pytest.mark.parametrize("count", [1, 2, 8, 21])
@pytest.mark.parametrize("how", [Sampling(), Sampling(0.7, top_k=3, seed=2**40), Sampling(1.5, top_p=0.8, seed=9),
                                 Sampling(2.0, 5, 0.9, seed=2**63 - 1), GREEDY], ids=str)  # fmt: skip
def test_tokens_are_those_of_the_random_numbers(how, count):
    model = network()
    tokens = assert_as_oracle(model, begin(model, count, how))
    assert tokens.unique().numel() > 1


def test_tokens_in_float32():
    model = network(GRU, tokens=65, dtype=torch.float32)
    assert_as_oracle(model, begin(model, 9, Sampling(seed=1)), 20, tolerance=1e-4)


@pytest.mark.parametrize("stop", [0, 3])
def test_a_sequence_ends_where_it_draws_the_stop(stop):
    """And costs nothing more: its row is another's; the states at its end are kept."""
    model = network()
    tokens = assert_as_oracle(model, begin(model, 40, Sampling(seed=6), stop=stop), 60)
    ends = {column.index(stop) for column in tokens.T.tolist() if stop in column}
    assert len(ends) > 5
    for column in tokens.T.tolist():
        assert stop not in column or set(column[column.index(stop) :]) == {stop}


def test_all_end_at_once():
    model = network()
    with torch.no_grad():
        model.readout.bias[0] = 1e4
    assert drawn(model, begin(model, 20, Sampling(), stop=0)).tokens.tolist() == [[0] * 20]
    assert drawn(model, begin(model, 20, Sampling())).tokens.shape == (30, 20)


def test_no_more_tokens_than_asked():
    model = network()
    for longest in (0, 1, 2, 17):
        assert len(drawn(model, begin(model, 3), longest).tokens) == longest
    assert generate(model, torch.tensor([1]), 4, 0, GREEDY, None).shape == (0, 4)


# ---- given tokens


def test_all_read_the_same_first():
    model = network()
    tokens = torch.tensor([3, 1, 4, 1, 5])[:, None].expand(-1, 6)
    got = assert_as_oracle(model, begin(model, tokens, Sampling(seed=8), stop=1), 20)
    assert torch.equal(got[:4], tokens[1:])  # a given token ends nothing, though it is the stop
    assert len(got) > 4


def test_each_reads_its_own_of_its_own_length():
    model = network()
    tokens = torch.tensor([[1, 2, 3, 4], [5, 5, DRAWN, 6], [0, DRAWN, DRAWN, 2], [4, DRAWN, DRAWN, DRAWN]])
    got = assert_as_oracle(model, begin(model, tokens, Sampling(seed=8), stop=0), 20)
    assert got[:3, 0].tolist() == [5, 0, 4]


@pytest.mark.parametrize("cut", [1, 7, 12])
def test_going_on_is_as_if_it_had_not_stopped(cut):
    model = network(GRU)
    first = begin(model, 5, Sampling(seed=2))
    whole = drawn(model, first, 20)
    part = drawn(model, first, cut)
    rest = drawn(model, Begin(part.tokens[-1:], part.states, first.how, step=cut), 20 - cut)
    assert torch.equal(torch.cat([part.tokens, rest.tokens]), whole.tokens)
    assert_close(rest.states, whole.states, rtol=0, atol=0)


def test_states_that_are_carried_in():
    model = network()
    states = [type(s)(*(torch.randn_like(f) for f in s)) for s in start(model, 3)]
    assert_as_oracle(model, Begin(torch.tensor([[1, 2, 3]]), states, Sampling(seed=3)), 10)


# ---- the same again


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_neither_neighbours_nor_threads_change_a_sequence(dtype):
    model = network(GRU, tokens=65, dtype=dtype)
    count, how, before = 150, Sampling(seed=5), torch.get_num_threads()
    tokens = torch.arange(count)[None] % 65
    found = []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            found.append(drawn(model, begin(model, tokens, how), 40).tokens)
    finally:
        torch.set_num_threads(before)
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])
    for first, last in ((0, 9), (9, 80), (80, 81), (81, 150)):
        part = drawn(model, begin(model, tokens[:, first:last], how, skip=first), 40).tokens
        assert torch.equal(part, found[0][:, first:last])


def test_seeds_sequences_and_steps_have_random_numbers_of_their_own():
    model = network()
    with torch.no_grad():
        model.readout.weight.zero_()  # whatever was read, the same chances: what differs is chance
    draws = [
        drawn(model, begin(model, torch.zeros(1, 40).long(), Sampling(seed=s)), 200).tokens for s in (0, 1, 0)
    ]
    assert torch.equal(draws[0], draws[2])
    share = float((draws[0] == draws[0][:, :1]).double()[:, 1:].mean())
    for other in (draws[1], draws[0].roll(1, 0), draws[0].roll(1, 1)):
        assert float((draws[0] == other).double().mean()) == pytest.approx(share, abs=0.03)
    assert len({tuple(column) for column in draws[0].T.tolist()}) == 40


def test_a_token_s_share_of_200_000_draws():
    model = network(layers=1)
    with torch.no_grad():
        model.readout.weight.zero_()
    tokens = drawn(model, begin(model, torch.zeros(1, 400).long(), Sampling(seed=3)), 500).tokens
    wanted = 200_000 * torch.softmax(model.readout.bias.detach(), 0)
    counts = torch.bincount(tokens.flatten(), minlength=V)
    assert float(((counts - wanted) ** 2 / wanted).sum()) < 27.9  # chi-square of 6: once in ten thousand


def test_numbers_of_sequences_go_on_over_several_calls():
    model = network()
    prefix, how = torch.tensor([1]), Sampling(seed=11)
    whole = generate(model, prefix, 12, 20, how, None)
    rest = generate(model, prefix, 7, 20, Sampling(seed=11, skip=5), None)
    assert torch.equal(whole[:, 5:], rest)


# ---- what cannot be drawn


@pytest.mark.parametrize("engine", ["numba", "eager"])
@pytest.mark.parametrize("how", [GREEDY, Sampling()], ids=str)
def test_weights_that_are_no_numbers(engine, how):
    model = network(engine=engine)
    with torch.no_grad():
        model.recurrent.h_l1[0, 0] = float("nan")
    with pytest.raises(DivergedError, match=r"token 1 of sequence 0 .* no numbers"):
        generate(model, torch.tensor([1, 2]), 3, 5, how, None)


@pytest.mark.parametrize("engine", ["numba", "eager"])
def test_only_the_sequences_that_go_on_must_have_numbers(engine):
    model = network(engine=engine)
    with torch.no_grad():
        model.readout.bias[0] = 1e4
        model.embedding.weight[0] = float("nan")  # read only after the stop
    assert generate(model, torch.tensor([1]), 3, 5, Sampling(), 0).tolist() == [[0] * 3]
    with pytest.raises(DivergedError):
        generate(model, torch.tensor([1]), 3, 5, Sampling(), None)


class Sorting(cells.RNN):
    """No kernel can."""

    def step(self, x, state, w):
        return self.State(super().step(x, state, w).h.sort(-1).values)


def test_a_cell_without_a_kernel_goes_the_eager_way_and_says_so_once():
    engine._warn.cache_clear()
    model, prefix, how = network(Sorting(I, H), engine="auto"), torch.tensor([1]), Sampling(seed=1)
    with pytest.warns(EagerWarning, match="Sorting runs on the eager loop"):
        tokens = generate(model, prefix, 3, 8, how, None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert torch.equal(generate(model, prefix, 3, 8, how, None), tokens)
    model.recurrent.set_engine("eager")
    assert torch.equal(generate(model, prefix, 3, 8, how, None), tokens)
    model.recurrent.set_engine("numba")
    with pytest.raises(SettingError, match="Sorting has no kernel"):
        generate(model, prefix, 3, 8, how, None)


def test_a_state_of_three_axes_goes_the_eager_way():
    model = network(Associative(I, H), engine="auto")
    with pytest.warns(EagerWarning, match=r"Associative.*\[B, n\]"):
        drawn = generate(model, torch.tensor([1]), 3, 4, Sampling(), None)
    assert drawn.shape == (4, 3)


def test_a_network_that_reads_from_the_end_cannot_write():
    model = NextToken(V, ut.Recurrent(LSTM, bidirectional=True))
    with pytest.raises(SettingError, match="bidirectional"):
        generate(model, torch.tensor([1]), 3, 4, GREEDY, None)


def test_whoever_listens_is_heard():
    model, heard = network(engine="auto"), []
    handle = model.readout.register_forward_hook(lambda *_: heard.append(1))
    generate(model, torch.tensor([1]), 3, 4, GREEDY, None)
    assert len(heard) == 5
    handle.remove()
    generate(model, torch.tensor([1]), 3, 4, GREEDY, None)
    assert len(heard) == 5


def test_a_network_in_training_drops_as_it_does():
    model = network(engine="auto", dropout=0.9).train()
    assert net_of(model) is None


def test_ctrl_c_stops_a_long_generation():
    model = network()
    given = begin(model, 30)
    drawn(model, given, 2)
    timer = threading.Timer(0.4, _thread.interrupt_main)
    clock = time.perf_counter()
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        drawn(model, given, 100_000_000)
    assert time.perf_counter() - clock < 5
