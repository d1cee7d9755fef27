"""watch: what is recorded is what autograd says, and a network that is watched ends with the same weights."""

import math

import pytest
import torch
from known_cells import orthogonal, with_matrix
from torch import Tensor, nn
from torch.optim import optimizer as optimizers

import undertow as ut
from undertow import cells
from undertow.errors import SettingError
from undertow.flow import replay


class Tagger(nn.Module):
    """Embedding, two recurrent layers, readout: several modules, dropout between them."""

    def __init__(self, recurrent: nn.Module | None = None) -> None:
        super().__init__()
        self.embedding = nn.Embedding(11, 6)
        self.recurrent = recurrent or ut.Recurrent(cells.LSTM(6, 8), layers=2, dropout=0.3)
        self.drop = nn.Dropout(0.2)
        self.readout = nn.Linear(8, 11)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.readout(self.drop(self.recurrent(self.embedding(tokens))[0]))


def trained(model, steps=7, watching=False, **settings):
    """Weights after some steps, and the records."""
    torch.manual_seed(1)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    tokens = torch.randint(0, 11, (5, 4))
    watch = ut.watch(model, **settings) if watching else None
    if watch:
        watch.__enter__()
    for _ in range(steps):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(tokens).flatten(0, 1), tokens.flatten())
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.05)
        optimizer.step()
    if watch:
        watch.close()
    return {k: v.clone() for k, v in model.state_dict().items()}, watch.records if watch else []


def made(seed=0, **settings):
    torch.manual_seed(seed)
    return Tagger(**settings)


@pytest.mark.parametrize("every", [1, 3])
def test_watching_changes_no_bit(every):
    alone, _ = trained(made())
    watched, records = trained(made(), watching=True, every=every)
    assert all(torch.equal(alone[k], watched[k]) for k in alone)
    assert [r.step for r in records] == (list(range(7)) if every == 1 else [0, 1, 2, 3, 6])


def test_no_hook_stays():
    model = made()
    trained(model, watching=True, every=1)
    for module in model.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks
        assert getattr(module, "watcher", None) is None
    assert not any(p._post_accumulate_grad_hooks for p in model.parameters())
    hooks = optimizers._global_optimizer_pre_hooks
    before = len(hooks)
    with ut.watch(model):
        assert len(hooks) == before + 1
    assert len(hooks) == before


def test_weights_gradients_and_updates_of_sgd():
    torch.manual_seed(0)
    model, x = nn.Linear(300, 40), torch.randn(16, 300)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with ut.watch(model, every=1) as flow:
        loss = model(x).square().mean()
        loss.backward()
        norms = {n: p.grad.norm().item() for n, p in model.named_parameters()}
        sizes = {n: p.detach().norm().item() for n, p in model.named_parameters()}
        optimizer.step()
    (record,) = flow.records
    for row in record.weights:
        assert row.norm == pytest.approx(sizes[row.name], rel=1e-5)
        assert row.gradient_norm == pytest.approx(norms[row.name], rel=1e-5)
        exact = row.sampled == row.size
        assert row.update_norm == pytest.approx(0.1 * norms[row.name], rel=1e-4 if exact else 0.1)
    assert record.gradient_norm == pytest.approx(math.hypot(*norms.values()), rel=1e-5)
    assert record.clipped == pytest.approx(1.0)


def test_clipping_is_seen():
    _, records = trained(made(), watching=True, every=1)
    assert all(0 < r.clipped < 1 for r in records)
    assert all(r.gradient_norm == pytest.approx(0.05, rel=1e-3) for r in records)


def test_depth_of_a_sigmoid_network_is_the_product_written_out():
    torch.manual_seed(0)
    parts = [part for _ in range(20) for part in (nn.Linear(6, 6), nn.Sigmoid())]
    model, x = nn.Sequential(*parts), torch.randn(3, 6)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    with ut.watch(model, every=1) as flow:
        model(x).sum().backward()
        optimizer.step()
    outputs = [x]
    for part in parts:
        outputs.append(part(outputs[-1]).detach())
    gradient = torch.ones(3, 6)
    wanted = {}
    for number in reversed(range(20)):
        after = outputs[2 * number + 2]
        wanted[str(2 * number + 1)] = gradient.norm().item()
        gradient = gradient * after * (1 - after)
        wanted[str(2 * number)] = gradient.norm().item()
        gradient = gradient @ parts[2 * number].weight.detach()
    found = {p.module: p.gradient_norm for p in flow.records[0].depth}
    assert found == {name: pytest.approx(value, rel=1e-4) for name, value in wanted.items()}
    assert wanted["0"] < 1e-9 * wanted["39"]


def test_dead_and_saturated_units():
    layer = nn.Linear(2, 4)
    with torch.no_grad():
        layer.weight.zero_()
        layer.bias.copy_(torch.tensor([-1.0, 1.0, -2.0, 3.0]))
    for activation, name, share in ((nn.ReLU(), "dead", 0.5), (nn.Tanh(), "saturated", 0.5)):
        model = nn.Sequential(layer, activation)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        with ut.watch(model, every=1) as flow:
            model(torch.randn(8, 2)).sum().backward()
            optimizer.step()
        assert getattr(flow.records[0].depth[1], name) == share
        layer = nn.Linear(2, 4)
        with torch.no_grad():
            layer.weight.zero_()
            layer.bias.copy_(torch.tensor([-9.0, 0.1, -0.2, 9.0]))


@pytest.mark.parametrize("engine", ["eager", "auto"])
def test_a_linear_recurrence_shrinks_by_its_matrix(engine):
    rate, steps = 0.9, 30
    recurrent = with_matrix(rate * orthogonal(6), engine)
    optimizer = torch.optim.SGD(recurrent.parameters(), lr=0.0)
    x = torch.randn(steps, 4, 6, dtype=torch.double)
    with ut.watch(recurrent, every=1) as flow:
        recurrent(x)[0][-1].sum().backward()
        optimizer.step()
    (walk,) = flow.records[0].time
    end = math.sqrt(4 * 6)
    wanted = [end * rate ** (steps - 1 - t) for t in range(steps)]
    assert walk.gradient["h"] == pytest.approx(wanted, rel=1e-10)
    assert (walk.cell, walk.steps, walk.batch, walk.gates) == ("linear", steps, 4, {})


def test_lengths_count_nothing_past_a_rows_end():
    recurrent = ut.Recurrent(cells.GRU(3, 5))
    optimizer = torch.optim.SGD(recurrent.parameters(), lr=0.0)
    with ut.watch(recurrent, every=1) as flow:
        y, _ = recurrent(torch.randn(6, 2, 3), lengths=torch.tensor([2, 4]))
        y.sum().backward()
        optimizer.step()
    (walk,) = flow.records[0].time
    assert walk.gradient["h"][4:] == [0.0, 0.0]
    assert walk.state["h"][4:] == [0.0, 0.0]
    assert all(value > 0 for value in walk.gradient["h"][:4])


def test_gates_are_seen_as_open_as_they_are():
    cell = cells.LSTM(3, 5)
    recurrent = ut.Recurrent(cell)
    with torch.no_grad():
        for weight in recurrent.weights(0):
            weight.zero_()
        recurrent.b_l0[5:10] = math.log(3)  # forget gate: 0.75
    optimizer = torch.optim.SGD(recurrent.parameters(), lr=0.0)
    with ut.watch(recurrent, every=1) as flow:
        recurrent(torch.randn(4, 6, 3))[0].sum().backward()
        optimizer.step()
    gates = flow.records[0].time[0].gates
    assert gates["forget"] == pytest.approx([0.75] * 4)
    assert gates["input"] == gates["output"] == pytest.approx([0.5] * 4)


@pytest.mark.parametrize("every", [0, -1, 1.5, True])
def test_a_wrong_interval_is_refused(every):
    with pytest.raises(SettingError, match="every must be a whole number"):
        ut.watch(nn.Linear(1, 1), every=every)


TORCH = [
    (nn.RNN, {}),
    (nn.LSTM, {}),
    (nn.GRU, {}),
    (nn.LSTM, {"num_layers": 2, "dropout": 0.5}),
    (nn.GRU, {"num_layers": 2, "bidirectional": True}),
    (nn.LSTM, {"batch_first": True, "proj_size": 3}),
]


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
@pytest.mark.parametrize(("kind", "settings"), TORCH, ids=lambda v: getattr(v, "__name__", None))
def test_torchs_layers_are_walked_again(kind, settings):
    torch.manual_seed(0)
    layer = kind(4, 5, **settings)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.5)
    x = torch.randn(7, 3, 4)
    with ut.watch(layer, every=1) as flow:
        layer(x)[0][:, -1].square().sum().backward()
        given = [p.grad.clone() for p in layer.parameters()]
        optimizer.step()
    assert all(torch.equal(p.grad, g) for p, g in zip(layer.parameters(), given, strict=True))
    directions = 2 if settings.get("bidirectional") else 1
    assert len(flow.records[0].time) == directions * settings.get("num_layers", 1)
    for walk in flow.records[0].time:
        assert walk.source == "replayed"
        assert walk.steps == (3 if settings.get("batch_first") else 7)
        assert all(math.isfinite(value) for values in walk.gradient.values() for value in values)
        assert max(walk.gradient["h"]) > 0


def test_a_replayed_layer_has_the_gradient_that_autograd_gives():
    torch.manual_seed(0)
    layer, x = nn.LSTM(4, 5), torch.randn(6, 3, 4)
    cell = nn.LSTMCell(4, 5)
    with torch.no_grad():
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            getattr(cell, name).copy_(getattr(layer, f"{name}_l0"))
    h, c = torch.zeros(3, 5), torch.zeros(3, 5)
    states = []
    for t in range(6):
        h, c = (s.view_as(s) for s in cell(x[t], (h, c)))  # of c apart from what h was made of it
        states.append((h, c))
    loss = torch.stack([s[0] for s in states]).square().sum() + states[-1][1].sum()
    wanted = [torch.autograd.grad(loss, pair, retain_graph=True) for pair in states]
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.5)
    with ut.watch(layer, every=1) as flow:
        y, (_, last) = layer(x)
        (y.square().sum() + last.sum()).backward()
        optimizer.step()
    (walk,) = flow.records[0].time
    for number, field in enumerate(("h", "c")):
        assert walk.gradient[field] == pytest.approx([g[number].norm().item() for g in wanted], rel=1e-4)


def replayed(layer, x, hx, few, monkeypatch, weigh=lambda y: y):
    """The walks of one step, when so few rows walk again."""
    monkeypatch.setattr(replay, "FEW", few)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.0)
    torch.manual_seed(1)
    with ut.watch(layer, every=1) as flow:
        y, _ = layer(x, hx)
        weigh(y.data if isinstance(y, nn.utils.rnn.PackedSequence) else y).square().sum().backward()
        optimizer.step()
    return flow.records[0].time


def starts(kind, settings, batch):
    count = (2 if settings.get("bidirectional") else 1) * settings.get("num_layers", 1)
    hx = torch.randn(count, 1, settings.get("proj_size", 5)).repeat(1, batch, 1)
    return (hx, torch.randn(count, 1, 5).repeat(1, batch, 1)) if kind is nn.LSTM else hx


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(("kind", "settings"), TORCH, ids=lambda v: getattr(v, "__name__", None))
def test_a_few_rows_walk_again_for_all_that_are_like_them(kind, settings, packed, monkeypatch):
    torch.manual_seed(0)
    layer, first = kind(4, 5, **settings), settings.get("batch_first", False)
    x = torch.randn(7, 1, 4).repeat(1, 12, 1)
    x, hx = x.transpose(0, 1) if first else x, starts(kind, settings, 12)
    if packed:
        x = nn.utils.rnn.pack_padded_sequence(x, torch.full((12,), 7), batch_first=first)
    some, whole = (replayed(layer, x, hx, few, monkeypatch) for few in (3, 99))
    assert (
        len(some) == len(whole) == (2 if settings.get("bidirectional") else 1) * settings.get("num_layers", 1)
    )
    near = 0.5 if settings.get("dropout") else 1e-4  # which makes rows differ
    for one, of_all in zip(some, whole, strict=True):
        assert (one.steps, one.batch) == (of_all.steps, of_all.batch) == (7, 12)
        for field in of_all.gradient:
            assert one.gradient[field] == pytest.approx(of_all.gradient[field], rel=near)
            assert one.state[field] == pytest.approx(of_all.state[field], rel=near)


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
def test_a_few_rows_of_all_lengths_stand_for_a_packed_batch(kind, monkeypatch):
    torch.manual_seed(0)
    layer, lengths = kind(4, 20), torch.randint(1, 31, (200,))
    lengths[17] = 30
    x = nn.utils.rnn.pack_padded_sequence(torch.randn(30, 200, 4), lengths, enforce_sorted=False)
    (some,), (whole,) = (replayed(layer, x, None, few, monkeypatch) for few in (replay.FEW, 999))
    assert (some.steps, some.batch) == (whole.steps, whole.batch) == (30, 200)
    middle = slice(0, 20)  # later steps have few rows
    for field in whole.gradient:
        assert some.gradient[field][middle] == pytest.approx(whole.gradient[field][middle], rel=0.4)
        assert some.state[field][middle] == pytest.approx(whole.state[field][middle], rel=0.4)
        assert min(some.gradient["h"]) > 0  # the longest is among them


def test_rows_to_which_no_gradient_comes_are_not_walked_again_for_others(monkeypatch):
    torch.manual_seed(0)
    layer, x, asked = nn.GRU(4, 5), torch.randn(7, 64, 4), [3, 20, 41]
    some, whole = (
        replayed(layer, x, None, few, monkeypatch, lambda y: y[:, asked])[0] for few in (replay.FEW, 99)
    )
    assert some.gradient["h"] == pytest.approx(whole.gradient["h"], rel=1e-4)


def test_the_row_that_is_spoilt_is_among_those_that_walk_again(monkeypatch):
    torch.manual_seed(0)
    layer, x = nn.GRU(4, 5), torch.randn(7, 64, 4)

    def weigh(y):
        weight = torch.ones(64, 1)
        weight[42] = math.nan
        return y * weight

    (walk,) = replayed(layer, x, None, replay.FEW, monkeypatch, weigh)
    assert math.isnan(walk.gradient["h"][0])


def test_draws_of_dropout_between_packed_layers_are_not_guessed(monkeypatch):
    torch.manual_seed(0)
    layer, lengths = nn.LSTM(4, 5, num_layers=2, dropout=0.5), torch.tensor([7, 2, 5, 7, 1, 3, 6])
    x = nn.utils.rnn.pack_padded_sequence(torch.randn(7, 7, 4), lengths, enforce_sorted=False)
    assert replayed(layer, x, None, 3, monkeypatch) == ()


def test_a_packed_sequence_is_walked_again():
    torch.manual_seed(0)
    layer = nn.GRU(4, 5)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.5)
    packed = nn.utils.rnn.pack_padded_sequence(
        torch.randn(6, 3, 4), torch.tensor([2, 6, 4]), enforce_sorted=False
    )
    with ut.watch(layer, every=1) as flow:
        layer(packed)[0].data.sum().backward()
        optimizer.step()
    (walk,) = flow.records[0].time
    assert (walk.steps, walk.batch) == (6, 3)
    assert min(walk.gradient["h"]) > 0


def test_a_model_whose_parts_are_called_one_by_one_is_watched():
    """As by trainers that call `training_step`, which calls what it likes."""
    model = nn.ModuleDict({"encoder": nn.GRU(3, 5), "readout": nn.Linear(5, 2)})
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with ut.watch(model, every=1) as flow:
        for _ in range(2):
            optimizer.zero_grad()
            model["readout"](model["encoder"](torch.randn(4, 2, 3))[0]).sum().backward()
            optimizer.step()
    assert [r.step for r in flow.records] == [0, 1]
    assert [p.module for p in flow.records[1].depth] == ["encoder", "readout"]
    assert [w.module for w in flow.records[0].time] == ["encoder"]


def test_a_forward_pass_that_fails_leaves_nothing_behind():
    model = nn.Sequential(nn.Linear(3, 4))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with ut.watch(model, every=1) as flow:
        with pytest.raises(RuntimeError):
            model(torch.randn(2, 5))
        model(torch.randn(2, 3)).sum().backward()
        optimizer.step()
    assert [r.step for r in flow.records] == [0]
    assert flow.records[0].weights[0].gradient_norm > 0
