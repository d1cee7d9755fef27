"""Trainings of other kinds: closures, several optimizers, copies, subclasses, penalties, two watches at once."""

import copy
import gc
import math
import pickle
import weakref
from itertools import pairwise

import pytest
import torch
from torch import nn

import undertow as ut
from undertow import cells, flow
from undertow.errors import SettingError
from undertow.flow.depth import dead_share, leaves
from undertow.flow.sampled import MOST, few, lengths, room
from undertow.flow.schedule import Every
from undertow.flow.warning import FlowWarning
from undertow.recurrent.recurrent import listening


def stepped(model, run, optimizer=None, every=1):
    optimizer = optimizer or torch.optim.SGD(model.parameters(), lr=0.0)
    with ut.watch(model, every=every) as seen:
        run()
        optimizer.step()
    return seen.records


def test_an_optimizer_that_computes_the_loss_itself():
    torch.manual_seed(1)
    model = nn.Sequential(nn.GRU(3, 5))
    optimizer = torch.optim.LBFGS(model.parameters(), lr=0.5, max_iter=2)

    def closure():
        optimizer.zero_grad()
        loss = model(torch.ones(6, 2, 3))[0].square().mean()
        loss.backward()
        return loss

    with ut.watch(model, every=1) as seen:
        for _ in range(2):
            optimizer.step(closure)
    first = seen.records[0]
    assert {w.source for w in first.time} == {"replayed"}
    assert first.clipped == pytest.approx(1.0)
    assert all(w.update_norm > 0 for w in first.weights)


def test_a_nan_within_a_closure_is_found():
    class Root(nn.Linear):
        def forward(self, x):
            return (super().forward(x) - 50).sqrt()

    model = Root(3, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def closure():
        loss = model(torch.ones(4, 3)).sum()
        loss.backward()
        return loss

    with ut.watch(model, every=50) as seen:
        optimizer.step(closure)
    assert seen.records[0].non_finite.op == "sqrt"


def test_two_optimizers_take_one_step():
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 1))
    both = [torch.optim.SGD(part.parameters(), lr=0.1) for part in model]
    with ut.watch(model, every=1) as seen:
        for _ in range(4):
            for optimizer in both:
                optimizer.zero_grad()
            model(torch.ones(2, 3)).sum().backward()
            for optimizer in both:
                optimizer.step()
    moved = [{w.name: w.update_norm for w in r.weights} for r in seen.records]
    assert moved[0]["1.weight"] is None  # who else steps is not known before
    assert all(m["0.weight"] > 0 and m["1.weight"] > 0 for m in moved[1:])
    assert [r.step for r in seen.records] == [0, 2, 3, 4]


def test_copies_of_a_watched_model_are_not_watched():
    model = nn.Sequential(nn.Linear(3, 2))
    with ut.watch(model, every=1) as seen:
        twins = [copy.deepcopy(model), pickle.loads(pickle.dumps(model))]  # noqa: S301 (our own bytes)
        for twin in twins:
            stepped(twin, lambda twin=twin: twin(torch.ones(2, 3)).sum().backward())
    assert seen.records == []
    assert all(torch.isfinite(twin(torch.ones(1, 3))).all() for twin in twins)


def test_a_watch_is_entered_once_and_two_watches_see_the_same():
    model = ut.Recurrent(cells.LSTM(3, 4))
    with ut.watch(model, every=1) as first:
        with pytest.raises(SettingError, match="is on already"):
            first.__enter__()
        with ut.watch(model, every=1) as second:
            model(torch.randn(5, 2, 3))[0].sum().backward()
            torch.optim.SGD(model.parameters(), lr=0.0).step()
    assert first.records[0].time == second.records[0].time
    assert first.records[0].time


def test_a_run_with_penalties_is_seen_in_time():
    model = ut.Recurrent(cells.LSTM(3, 4))

    def run():
        with listening(model):
            model(torch.randn(5, 2, 3))[0].sum().backward()

    (walk,) = stepped(model, run)[0].time
    assert all(g > 0 for g in walk.gradient["h"])


def test_evaluation_mode_is_said_to_measure_nothing():
    model = nn.Linear(3, 1).eval()
    with pytest.warns(FlowWarning, match="nothing was measured"):
        stepped(model, lambda: model(torch.ones(2, 3)).sum().backward())


def test_a_search_that_fails_stops_no_training():
    class Fickle(nn.Linear):
        calls = 0

        def forward(self, x):
            self.calls += 1
            if self.calls > 1:
                raise RuntimeError("once is enough")
            return (super().forward(x) - 50).sqrt()

    model = Fickle(3, 2)
    with pytest.warns(FlowWarning, match="RuntimeError: once is enough"):
        records = stepped(model, lambda: model(torch.ones(4, 3)).sum().backward())
    assert records[0].non_finite.phase == "unknown"


def test_a_layer_of_ours_in_torchs_clothes_is_searched_too():
    model = nn.Sequential(ut.GRU(3, 4))
    with torch.no_grad():
        model[0].weight_hh_l0[0, 0] = 1e30
    x = torch.full((6, 2, 3), 1e30)
    records = stepped(model, lambda: model(x)[0].sum().backward())
    found = records[0].non_finite
    assert found is None or (found.phase == "forward" and "cells" in found.where)


def test_what_comes_back_to_an_input_is_looked_at():
    class Decoder(nn.Linear):
        def forward(self, z):
            return super().forward(z + (z - z.detach()).abs().sqrt())

    model = nn.ModuleDict({"encoder": nn.Linear(3, 4), "decoder": Decoder(4, 2)})
    run = lambda: model["decoder"](model["encoder"](torch.ones(2, 3))).sum().backward()  # noqa: E731
    found = stepped(model, run)[0].non_finite
    assert (found.op, found.module, found.phase) == ("SqrtBackward0", "decoder", "backward")


def test_an_input_that_is_written_over_is_left_as_it_is():
    class Scales(nn.Linear):
        def forward(self, x):
            return (super().forward(x.mul_(2)) - 1e9).sqrt()

    model, x = Scales(3, 2), torch.ones(4, 3)
    stepped(model, lambda: model(x).sum().backward())
    assert torch.equal(x, torch.full((4, 3), 2.0))


def test_subclasses_of_torchs_layers_are_left_alone():
    class Last(nn.GRU):
        def forward(self, x):
            return super().forward(x)[0][-1]

    class OneOutput(nn.LSTMCell):
        def forward(self, x, state=None):
            return super().forward(x, state)[0]

    model = nn.ModuleDict({"a": Last(3, 4), "b": OneOutput(4, 5)})
    out = []
    stepped(model, lambda: out.append(model["b"](model["a"](torch.ones(6, 2, 3)))) or out[0].sum().backward())
    assert out[0].shape == (2, 5)


def test_arguments_by_name_are_read_by_name():
    model = nn.GRU(3, 5)
    run = lambda: model(hx=torch.ones(1, 2, 5), input=torch.ones(4, 2, 3))[0].sum().backward()  # noqa: E731
    (walk,) = stepped(model, run)[0].time
    assert (walk.steps, walk.batch) == (4, 2)


def test_states_of_loops_are_let_go():
    model = nn.LSTMCell(3, 4)
    kept = []

    def run():
        h, c = torch.zeros(2, 4), torch.zeros(2, 4)
        for _ in range(5):
            h, c = model(torch.ones(2, 3), (h, c))
            kept.append(weakref.ref(h))
        h.sum().backward()

    stepped(model, run)
    gc.collect()
    assert all(ref() is None for ref in kept)


def test_second_passes_are_made_each_twenty_steps_at_most():
    for every in (1, 7, 19, 20, 33):
        schedule = Every(every)
        whole = [s for s in range(200) if schedule.due(s) and schedule.whole(s)]
        assert whole[0] == 0
        gaps = [b - a for a, b in pairwise(whole)]
        assert max(gaps) <= 20 + every
        assert sum(gaps) / len(gaps) >= 20


def test_later_second_passes_are_made_once_in_each_sixty_steps():
    for every in (1, 7, 19, 20, 33):
        schedule = Every(every)
        whole = [s for s in range(240, 3000) if schedule.due(s) and schedule.whole(s)]
        assert [s // 60 for s in whole] == list(range(4, 50))


# ---- what is looked at


def test_no_column_is_favoured():
    for rows, columns in ((4096, 39), (2048, 65), (100, 1000), (512, 512), (64, 4096)):
        share = torch.arange(columns).repeat(rows).float() / columns
        for laid in (share, share.view(rows, columns).T):
            seen = few(laid)
            assert seen.numel() == MOST
            assert float(seen.mean()) == pytest.approx(0.5, abs=0.08)
            assert float(torch.linalg.vector_norm(seen)) * (laid.numel() / MOST) ** 0.5 == pytest.approx(
                float(torch.linalg.vector_norm(laid)), rel=0.08
            )
    assert few(torch.arange(10.0)).tolist() == list(range(10))


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 100, MOST, MOST + 1, 70_001])
def test_kernel_and_torch_measure_the_same_length(size):
    torch.manual_seed(size)
    quick = torch.randn(size)
    slow = quick.double()
    copies = room([quick]), room([slow])
    ((a,), (b,)) = lengths([quick], copies=copies[0]), lengths([slow], copies=copies[1])
    assert a == pytest.approx(b, rel=1e-5)
    assert torch.equal(copies[0][0], copies[1][0].float())
    if size <= MOST:
        assert b == pytest.approx(float(slow.norm()))
    moved = quick + 0.5
    ((a,), (b,)) = lengths([moved], less=copies[0]), lengths([moved.double()], less=copies[1])
    assert a == pytest.approx(b, rel=1e-5)
    assert a == pytest.approx(0.5 * size**0.5, rel=1e-3)
    assert (
        not size or math.isnan(lengths([torch.cat([quick[1:], torch.tensor([math.nan])])])[0]) or size > MOST
    )


def test_dead_channels_of_large_and_of_flat_images():
    images = torch.zeros(64, 256, 7, 7)
    images[:, 128:, 3, 3] = 1  # alive at one place only
    images[:, :64, 0, 0] = 1
    assert float(dead_share(images[:4], by_channel=True)) == 0.25
    assert float(dead_share(torch.relu(torch.randn(64, 256, 7, 7)), by_channel=True)) == 0.0
    signal = torch.zeros(8, 4, 30)
    signal[:, 0] = 1
    assert float(dead_share(signal, by_channel=True)) == 0.75
    sequence = torch.zeros(30, 8, 4)
    sequence[..., 0] = 1
    assert float(dead_share(sequence, by_channel=False)) == 0.75


@pytest.mark.parametrize(
    "shape", [(3, 5), (1, 1), (40, 16), (7, 33), (6, 3, 4, 4), (2, 17, 5, 7), (300, 100, 9, 9), (4, 6, 31)]
)
def test_dead_units_by_kernel_and_by_torch(shape):
    output = torch.relu(torch.randn(shape) - 1.5)
    for by_channel in (True, False):
        assert dead_share(output, by_channel) == pytest.approx(dead_share(output.double(), by_channel))
        assert dead_share(output.transpose(0, 1), by_channel) == pytest.approx(
            dead_share(output.double().transpose(0, 1).contiguous(), by_channel)
        )


def test_attention_and_weight_norm_are_leaves():
    model = nn.Sequential(nn.MultiheadAttention(4, 2), nn.utils.parametrizations.weight_norm(nn.Linear(4, 3)))
    assert list(leaves(model).values()) == ["0", "1"]


# ---- walks


def test_zoneout_is_part_of_a_steps_jacobian():
    layer = ut.Recurrent(cells.RNN(3, 4), zoneout=0.5).eval().double()
    with torch.no_grad():
        for weight in layer.weights(0):
            weight.zero_()
    (walk,) = flow.jacobian(layer, torch.randn(6, 2, 3, dtype=torch.float64))
    assert walk.norm == pytest.approx([0.5] * 6)
    assert walk.truth == pytest.approx([0.5**k for k in range(1, 7)])
    assert walk.weights is None
    (found,) = flow.horizon(layer, torch.randn(6, 2, 3, dtype=torch.float64))
    assert found.gain == pytest.approx([0.5**k for k in range(6)])
    (spectrum,) = flow.lyapunov(layer, torch.randn(6, 2, 3, dtype=torch.float64))
    assert spectrum.exponents == pytest.approx([math.log(0.5)] * 4)


def test_looking_at_a_model_changes_no_buffer():
    model = nn.Sequential(nn.BatchNorm1d(3), nn.RNN(3, 4))
    before = {k: v.clone() for k, v in model.state_dict().items()}
    flow.horizon(model, torch.randn(5, 3))
    flow.attribute(model[1], torch.randn(5, 2, 3))
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())


def test_a_loops_gain_begins_at_one_whatever_its_shape():
    class Step(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Linear(3, 3)

        def forward(self, h):
            return torch.tanh(self.inner(h))

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.step = Step()

        def forward(self, h):
            for _ in range(5):
                h = self.step(h)
            return h

    for shape in ((2, 3), (1, 2, 3), (3,)):
        (found,) = flow.horizon(Model(), torch.randn(shape))
        assert found.gain[0] == pytest.approx(1.0)


@pytest.mark.filterwarnings("ignore")  # Lightning's own
def test_a_loop_of_lightnings():
    import pytorch_lightning as pl

    class Net(pl.LightningModule):
        def __init__(self):
            super().__init__()
            self.rnn, self.out = ut.GRU(3, 8, batch_first=True), nn.Linear(8, 1)

        def training_step(self, batch, _):
            return nn.functional.mse_loss(self.out(self.rnn(batch[0])[0][:, -1]), batch[1])

        def configure_optimizers(self):
            return torch.optim.Adam(self.parameters(), lr=0.01)

    data = torch.utils.data.TensorDataset(torch.randn(96, 7, 3), torch.randn(96, 1))
    net = Net()
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    trainer = pl.Trainer(
        max_epochs=2, accelerator="cpu", gradient_clip_val=0.5, enable_model_summary=False, **quiet
    )
    with ut.watch(net, every=4) as flow:
        trainer.fit(net, torch.utils.data.DataLoader(data, 16))
    assert [record.step for record in flow.records] == [0, 1, 2, 4, 8]
    assert all(len(record.time[0].gradient["h"]) == 7 for record in flow.records)
    assert all(0 < record.clipped <= 1 for record in flow.records)
    assert all(weight.update_norm > 0 for record in flow.records for weight in record.weights)
