"""An encoder and a decoder with attention: step by step as at once, padding that does not matter, tasks it learns."""

import pytest
import torch

import undertow as ut
from undertow import cells
from undertow.errors import ShapeError
from undertow.wiring.attention import Additive, Multiplicative
from undertow.wiring.beam import Beam, search
from undertow.wiring.unaligned import EncoderDecoder, rows_of

S, T, B, V = 7, 5, 4, 9
LENGTHS = torch.tensor([7, 2, 5, 1])


def translator(attention="multiplicative", hidden=10, cell=cells.LSTM, **settings):
    torch.manual_seed(4)
    encoder = ut.Recurrent(cell(6, hidden), bidirectional=True)
    query = ut.Recurrent(cell(8, hidden))
    upper = ut.Recurrent(cell(3 * hidden, hidden))
    looked = (
        Additive(hidden, 2 * hidden, 7) if attention == "additive" else Multiplicative(hidden, 2 * hidden)
    )
    return EncoderDecoder(V, V, encoder, query, upper, looked, **settings)


def batch(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(V, (S, B), generator=generator), torch.randint(V, (T, B), generator=generator)


def padded_rows(rows, fill):
    """[T, B] and lengths [B] of rows of tokens."""
    lengths = torch.tensor([len(row) for row in rows])
    found = torch.full((int(lengths.max()), len(rows)), fill, dtype=torch.long)
    for number, row in enumerate(rows):
        found[: len(row), number] = torch.as_tensor(row, dtype=torch.long)
    return found, lengths


@pytest.mark.parametrize("cell", [cells.LSTM, cells.GRU])
@pytest.mark.parametrize("attention", ["additive", "multiplicative"])
def test_token_by_token_is_the_same_as_all_at_once(attention, cell):
    net = translator(attention, cell=cell).double().eval()
    source, target = batch()
    scores, shares = net(source, target, LENGTHS)
    progress = net.encode(source, LENGTHS)
    for t in range(T):
        one = net.write(target[t : t + 1], progress)
        progress = one.progress
        torch.testing.assert_close(one.scores[0], scores[t])
        torch.testing.assert_close(one.shares[0], shares[t])


@pytest.mark.parametrize("attention", ["additive", "multiplicative"])
def test_what_stands_past_a_sources_end_changes_nothing(attention):
    net = translator(attention).double().eval()
    source, target = batch()
    other = torch.where(torch.arange(S)[:, None] < LENGTHS, source, batch(seed=1)[0])
    torch.testing.assert_close(net(source, target, LENGTHS), net(other, target, LENGTHS), rtol=0, atol=0)
    shares = net(source, target, LENGTHS)[1]
    torch.testing.assert_close(shares.sum(-1), torch.ones(T, B, dtype=torch.double))
    assert not shares[:, 1, 2:].any()


def test_rows_are_picked_with_all_that_belongs_to_them():
    net = translator().double().eval()
    source, target = batch()
    rows = torch.tensor([2, 2, 0])
    progress = net.write(target[:2], net.encode(source, LENGTHS)).progress
    picked = net.write(target[2:, rows], rows_of(progress, rows))
    torch.testing.assert_close(picked.scores, net.write(target[2:], progress).scores[:, rows])


def test_every_weight_is_learned():
    net = translator()
    source, target = batch()
    net(source, target, LENGTHS)[0].square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in net.parameters())


def test_layers_that_do_not_fit_are_refused():
    one = ut.Recurrent(cells.LSTM(8, 10))
    with pytest.raises(ShapeError, match=r"10 \+ 20 = 30 features; its cell has input_size 8"):
        EncoderDecoder(
            V, V, ut.Recurrent(cells.LSTM(6, 10), bidirectional=True), one, one, Multiplicative(10, 20)
        )
    with pytest.raises(ShapeError, match="query must be one layer, one way"):
        EncoderDecoder(V, V, one, ut.Recurrent(cells.LSTM(8, 10), 2), one, Multiplicative(10, 10))


@pytest.mark.parametrize("task", ["copy", "reverse"])
def test_it_learns_to_write_what_it_read(task):
    """Every token of sequences it has not seen, by greedy search."""
    generator = torch.Generator().manual_seed(7)

    def drawn(count):
        lengths = torch.randint(2, 9, (count,), generator=generator).tolist()
        sources = [torch.randint(2, V, (n,), generator=generator).tolist() for n in lengths]
        return sources, [row[::-1] if task == "reverse" else row for row in sources]

    net = translator(hidden=48)
    optimizer = torch.optim.Adam(net.parameters(), lr=6e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 6e-3, 500)
    for _ in range(500):
        sources, targets = drawn(48)
        source, lengths = padded_rows(sources, 0)
        given, _ = padded_rows([[1, *row] for row in targets], 0)
        wanted, _ = padded_rows([[*row, 0] for row in targets], -100)
        scores, _ = net(source, given, lengths)
        loss = torch.nn.functional.cross_entropy(scores.flatten(0, 1), wanted.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    net.eval()
    sources, targets = drawn(100)
    source, lengths = padded_rows(sources, 0)

    def step(tokens, progress):
        written = net.write(tokens[None], progress)
        return written.scores[0].log_softmax(-1), written.progress

    with torch.no_grad():
        told = search(
            step, rows_of, net.encode(source, lengths), torch.ones(100, dtype=torch.long), 0, Beam(1, 0.0, 20)
        )
    assert [list(found[0].tokens) for found in told] == targets
