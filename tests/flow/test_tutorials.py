"""Networks that people learn from, watched as they stand."""

import math

import pytest
import torch
import tutorial_networks as tutorials

import undertow as ut


def names():
    model = tutorials.NamesClassifier()
    return model, lambda: tutorials.train_names(model)


def translator():
    model = tutorials.Translator()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
    return model, lambda: tutorials.train_translator(model, optimizer)


def tagger():
    model = tutorials.Tagger()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return model, lambda: tutorials.train_tagger(model, optimizer)


def words():
    model, carried = tutorials.WordModel(), {}
    optimizer = torch.optim.SGD(model.parameters(), lr=20)
    return model, lambda: tutorials.train_words(model, optimizer, carried)


def waves():
    model = tutorials.SineWaves().double()
    optimizer = torch.optim.LBFGS(model.parameters(), lr=0.8, max_iter=3)
    return model, lambda: tutorials.train_waves(model, optimizer)


WALKS = {
    names: [("", "calls", 9)],
    translator: [("encoder", "replayed", 8), ("decoder", "calls", 7)],
    tagger: [("lstm", "replayed", 5)],
    words: [("rnn", "replayed", 10), ("rnn", "replayed", 10)],
    waves: [("lstm1", "calls", 20), ("lstm2", "calls", 20)],
}


def ended(make, watching):
    torch.manual_seed(0)
    model, step = make()
    torch.manual_seed(1)
    if not watching:
        for _ in range(4):
            step()
        return list(model.parameters()), []
    with ut.watch(model, every=1) as seen:
        for _ in range(4):
            step()
    return list(model.parameters()), seen.records


@pytest.mark.parametrize("make", list(WALKS), ids=lambda make: make.__name__)
def test_a_tutorials_network_is_watched_as_it_stands(make):
    alone, _ = ended(make, watching=False)
    watched, records = ended(make, watching=True)
    assert all(torch.equal(a, b) for a, b in zip(alone, watched, strict=True))
    assert [r.step for r in records] == [0, 1, 2, 3]
    first = records[0]
    found = [(w.module, w.source, w.steps) for w in first.time]
    assert sorted(set(found)) == sorted(set(WALKS[make]))
    for walk in first.time:
        assert all(math.isfinite(g) for values in walk.gradient.values() for g in values)
        assert any(g > 0 for values in walk.gradient.values() for g in values)
    assert all(w.gradient_norm is not None and w.update_norm > 0 for w in first.weights if w.gradient_norm)
    assert all(r.non_finite is None for r in records)
