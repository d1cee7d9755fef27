"""A next-token network starts at ln V, ends where the data allow, and does not count padding.

Letters: T time steps, B batch rows, V tokens.
"""

import math

import numpy as np
import pytest
import torch
from torch.testing import assert_close

import undertow as ut
from undertow import cells
from undertow.data.batches import padded
from undertow.data.vocabulary import Vocabulary
from undertow.wiring.next_token import NextToken, cross_entropy

KINDS = pytest.mark.parametrize("kind", [cells.RNN, cells.LSTM, cells.GRU], ids=lambda kind: kind.__name__)


def network(tokens, kind=cells.LSTM, hidden=16, **settings):
    return NextToken(tokens, ut.Recurrent(kind(7, hidden), **settings))


def batch_of(strings):
    vocabulary = Vocabulary.of(strings, end=True)
    return vocabulary.size, padded([vocabulary.encode(string) for string in strings])


def trained(strings, steps=120):
    """The loss a batch of strings is brought to."""
    size, batch = batch_of(strings)
    model = network(size)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.03)
    for _ in range(steps):
        optimizer.zero_grad()
        loss = cross_entropy(model(batch.inputs)[0], batch.targets)
        loss.backward()
        optimizer.step()
    return float(loss.detach())


@KINDS
@pytest.mark.parametrize("tokens", [2, 27, 301])
@pytest.mark.parametrize("layers", [1, 3])
def test_an_untrained_network_says_all_tokens_alike(kind, tokens, layers):
    model = network(tokens, kind, layers=layers)
    read = torch.randint(tokens, (50, 40))
    scores, _ = model(read)
    assert scores.shape == (50, 40, tokens)
    assert cross_entropy(scores, read.roll(-1, 0)).item() == pytest.approx(math.log(tokens), rel=0.01)


def test_one_string_is_learned_by_heart():
    assert trained(["Thulium"], steps=80) < 0.02


def test_strings_that_part_at_their_first_character_are_learned_but_for_that_choice():
    """Of N strings that share no character only the first character is open: ln N a string, and not less."""
    strings = ["abcd", "efgh", "ijkl", "mnop"]
    least = math.log(4) / 5
    assert least - 1e-6 <= trained(strings) < least + 0.02


def test_cross_entropy_by_hand():
    scores = torch.randn(3, 2, 5).double()
    targets = torch.tensor([[4, 0], [1, -100], [-100, -100]])
    chances = torch.softmax(scores, -1).numpy()
    nats = [-np.log(chances[0, 0, 4]), -np.log(chances[0, 1, 0]), -np.log(chances[1, 0, 1])]
    assert float(cross_entropy(scores, targets)) == pytest.approx(np.mean(nats), rel=1e-12)
    assert float(cross_entropy(scores, targets, reduction="sum")) == pytest.approx(np.sum(nats), rel=1e-12)


@KINDS
def test_padding_changes_neither_loss_nor_gradient(kind):
    strings = ["a", "bcdefgh", "", "dada"]
    size, batch = batch_of(strings)
    model = network(size, kind, layers=2).double()

    def loss_and_gradients(lengths):
        loss = cross_entropy(model(batch.inputs, lengths=lengths)[0], batch.targets)
        return loss, *torch.autograd.grad(loss, list(model.parameters()))

    assert_close(loss_and_gradients(None), loss_and_gradients(batch.lengths))
    alone = [
        cross_entropy(model(part.inputs)[0], part.targets, "sum")
        for part in (
            padded([ids]) for ids in (batch.targets[: n - 1, b].numpy() for b, n in enumerate(batch.lengths))
        )
    ]
    assert_close(cross_entropy(model(batch.inputs)[0], batch.targets, "sum"), torch.stack(alone).sum())


@KINDS
def test_state_carried_over_a_cut_is_one_long_pass(kind):
    model = network(9, kind, layers=2).double().eval()
    read = torch.randint(9, (23, 3))
    whole, last = model(read)
    pieces, state = [], None
    for piece in read.split(5):
        scores, state = model(piece, start=state)
        pieces.append(scores)
    assert_close(torch.cat(pieces), whole)
    assert_close(state, last)


def test_dropout_is_only_for_training():
    model = NextToken(9, ut.Recurrent(cells.RNN(7, 16)), dropout=0.5)
    read = torch.randint(9, (4, 3))
    assert not torch.equal(model(read)[0], model(read)[0])
    model.eval()
    assert torch.equal(model(read)[0], model(read)[0])


@pytest.mark.parametrize("given", [None, 0.0, 0.5])
def test_the_embedding_has_a_dropout_of_its_own(given):
    model = NextToken(9, ut.Recurrent(cells.RNN(7, 16)), dropout=0.5, input_dropout=given)
    read, seen = torch.randint(9, (4, 3)), []
    model.recurrent.register_forward_pre_hook(lambda _, arguments: seen.append(arguments[0]))
    model(read)
    model(read)
    assert torch.equal(*seen) == (given == 0.0)
    model = NextToken(9, ut.Recurrent(cells.RNN(7, 16)), dropout=0.0, input_dropout=given)
    assert torch.equal(model(read)[0], model(read)[0]) == (not given)
