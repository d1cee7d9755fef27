"""Faults as people write them, which programs made for the purpose had not shown."""

import textwrap
from pathlib import Path

import pytest

from undertow.doctor.diagnosis import diagnose

TABLE = """
    import math
    import torch
    from torch import nn
    torch.manual_seed(0)
    net = nn.Linear(4, 1)
    opt = torch.optim.Adam(net.parameters(), lr=0.01)
    for step in range(40):
        x = torch.randn(16, 4)
        err = net(x) - x.sum(1)
        loss = (err + nn.functional.softplus(-2.0 * err) - math.log(2.0)).mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
"""
COUPLED = """
    import torch
    from torch import nn
    torch.manual_seed(0)
    H = 24
    inner, own, read = nn.Linear(3, 3 * H), nn.Linear(H, 3 * H, bias=False), nn.Linear(H, 4)
    inner.bias.data[:H] = {bias}
    parameters = [*inner.parameters(), *own.parameters(), *read.parameters()]
    opt = torch.optim.Adam(parameters, lr=3e-3)
    for step in range(120):
        kind = torch.randint(4, (32,))
        x = 0.1 * torch.randn(40, 32, 3)
        x[0, :, 0] = (kind % 2) * 2.0 - 1
        x[0, :, 1] = (kind // 2) * 2.0 - 1
        h = c = torch.zeros(32, H)
        for now in x:
            gate, out, new = (inner(now) + own(h)).chunk(3, 1)
            gate = torch.sigmoid(gate)
            c = (1 - gate) * c + gate * torch.tanh(new)
            h = torch.sigmoid(out) * torch.tanh(c)
        loss = nn.functional.cross_entropy(read(h), kind)
        opt.zero_grad()
        loss.backward()
        opt.step()
"""
THROWN = """
    import torch
    from torch import nn
    torch.manual_seed(0)
    net = nn.Linear(8, 2)
    opt = torch.optim.SGD(net.parameters(), lr=0.01)
    for step in range(60):
        opt.param_groups[0]["lr"] = 1e6 if step == 9 else 0.01
        x = torch.rand(32, 8)
        loss = nn.functional.smooth_l1_loss(net(x), x[:, :2] - 1e7 * (step == 9))
        opt.zero_grad()
        loss.backward()
        opt.step()
"""
LIKELIHOOD = """
    import torch
    from torch import nn
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(5, 32), nn.GELU(), nn.Linear(32, 6))
    opt = torch.optim.Adam(net.parameters(), lr=3e-3)
    for step in range(300):
        x = torch.randn(64, 5)
        bought = (x @ torch.linspace(-1, 1, 30).view(5, 6) > 0).float()
        score = net(x)
        fit = nn.functional.logsigmoid(score) * bought + nn.functional.logsigmoid(-score) * (1 - bought)
        loss = {sign}fit.sum(1).mean() + 0.01 * (score[:, 1:] - score[:, :-1]).pow(2).mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
"""
LATE = """
    import torch
    torch.manual_seed(0)
    w = torch.randn(3, 2, requires_grad=True)
    opt = torch.optim.SGD([w], lr=0.01)
    for step in range(90):
        a, b = torch.randn(16, 3), torch.randn(16, 3)
        if step == 61:
            b[5] = a[5]
        far = ((a @ w - b @ w) ** 2).sum(1)
        same = far == 0
        loss = torch.where(same, 0.0, far.sqrt() - 1).square().mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
"""
FROZEN = """
    import torch
    from torch import nn
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3))
    heat = nn.Parameter(torch.zeros(()))
    for p in net.parameters():
        p.requires_grad_({learns})
    opt = torch.optim.Adam([*net.parameters(), heat], lr=0.01)
    for step in range(60):
        x = torch.randn(32, 4)
        loss = nn.functional.cross_entropy(net(x) * heat.exp(), x[:, :3].argmax(1))
        opt.zero_grad()
        loss.backward()
        opt.step()
"""
PADDED = """
    import torch
    from torch import nn
    torch.manual_seed(0)
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.words = nn.Embedding(20, 8, padding_idx=0)
            self.rnn, self.out = nn.GRU(8, 16, batch_first=True), nn.Linear(16, 3)
        def forward(self, ids, lengths):
            y, _ = self.rnn(self.words(ids))
            return self.out({read})
    net = Net()
    opt = torch.optim.Adam(net.parameters(), lr=0.01)
    for step in range(60):
        lengths = torch.randint(3, 12, (24,))
        ids = torch.randint(1, 20, (24, 30)) * (torch.arange(30) < lengths[:, None])
        loss = nn.functional.cross_entropy(net(ids, lengths), ids[:, 0] % 3)
        opt.zero_grad()
        loss.backward()
        opt.step()
"""

BY_GRAD = """
    import torch
    from torch.nn import functional as F
    torch.manual_seed(0)
    x = torch.randn(200, 3)
    y = x.sum(1)
    x[17, 1] = {datum}
    w = [torch.randn(16, 3) * 0.5, torch.zeros(16), torch.randn(1, 16) * 0.2]
    w = [t.requires_grad_() for t in w]
    opt = torch.optim.Adam(w, lr=0.01)
    for epoch in range(12):
        for rows in torch.randperm(200).split(20):
            told = F.linear(F.relu(F.linear(x[rows], w[0], w[1])), w[2]).squeeze(1)
            for t, g in zip(w, torch.autograd.grad(F.smooth_l1_loss(told, y[rows]), w)):
                t.grad = g
            opt.step()
"""
BEHIND_A_MASK = """
    import torch
    from torch import nn
    torch.manual_seed(0)
    gru, read = nn.GRU(6, 24, batch_first=True), nn.Linear(24, 4)
    opt = torch.optim.Adam([*gru.parameters(), *read.parameters()], lr=5e-3)
    x, y = torch.zeros(24, 1200, 6), torch.zeros(24, 1200, dtype=torch.long)
    asked = torch.zeros(24, 1200, dtype=torch.bool)
    for row in range(24):
        at = int(torch.randint(10, ()))
        while at + 24 < 1200:
            kind = int(torch.randint(4, ()))
            x[row, at, kind] = 2
            x[row, at + 24, 4] = 2
            y[row, at + 24], asked[row, at + 24] = kind, True
            at += 24 + int(torch.randint(2, 12, ()))
    state = None
    for part in range(0, 1200, {window}):
        here = slice(part, part + {window})
        out, state = gru(x[:, here], state if state is None else state.detach())
        if asked[:, here].any():
            loss = nn.functional.cross_entropy(read(out)[asked[:, here]], y[:, here][asked[:, here]])
            opt.zero_grad()
            loss.backward()
            opt.step()
"""
KEEPS = """
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset
    torch.manual_seed(0)
    class Keeps(nn.Module):
        def __init__(self):
            super().__init__()
            self.cell, self.read, self.memory = nn.GRUCell(3, 16), nn.Linear(16, 3), None
        def forward(self, x):
            h = torch.zeros(len(x), 16) if self.memory is None else self.memory.detach()
            told = []
            for step in x.unbind(1):
                h = self.cell(step, h)
                told.append(self.read(h))
            self.memory = h
            return torch.stack(told, 1)
    kinds = torch.randint(3, (640, 8))
    data = TensorDataset(nn.functional.one_hot(kinds, 3) + 0.1 * torch.randn(640, 8, 3), kinds.cumsum(1) % 3)
    net = Keeps()
    opt = torch.optim.Adam(net.parameters(), lr=5e-3)
    for epoch in range(8):
        for x, y in DataLoader(data, 32, shuffle=True):
            net.memory = {begins}
            loss = nn.functional.cross_entropy(net(x).flatten(0, 1), y.flatten())
            opt.zero_grad()
            loss.backward()
            opt.step()
"""
OF_ONES_OWN = """
    import torch
    from torch import nn
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(5, 32), nn.ReLU(), nn.Linear(32, 4){squash})
    opt = torch.optim.Adam(net.parameters(), lr=3e-3)
    for step in range(200):
        x = torch.randn(64, 5)
        sure = net(x).log_softmax(-1).gather(1, x[:, :4].argmax(1, keepdim=True)).squeeze(1)
        loss = -((1 - sure.exp()) ** 2 * sure).mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
"""
MIXED = """
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset
    torch.manual_seed(0)
    x = torch.randn(700, 6)
    y = (x[:, 0] + x[:, 1] > 0).long() + (x[:, 2] > 0).long(){shuffled}
    train, held = TensorDataset(x[:500], y[:500]), TensorDataset(x[500:], y[500:])
    net = nn.Sequential(nn.Linear(6, 128), nn.ReLU(), nn.Linear(128, 3))
    opt, criterion = torch.optim.Adam(net.parameters(), lr=4e-3), nn.CrossEntropyLoss()
    views = DataLoader(train, 250), DataLoader(held, 200)
    for epoch in range(50):
        for a, b in DataLoader(train, 32, shuffle=True):
            opt.zero_grad()
            criterion(net(a), b).backward()
            opt.step()
        if epoch % 10 == 9:
            with torch.no_grad():
                for view in views:
                    print(epoch, sum(criterion(net(a), b).item() for a, b in view) / len(view))
"""
DECAYING = """
    import torch
    from torch import nn
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(10, 64), nn.LayerNorm(64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 8))
    way = torch.randn(10, 8)
    opt = torch.optim.Adam(net.parameters(), betas=(0.9, 0.98))
    for step in range(1, 250):
        for group in opt.param_groups:
            group["lr"] = {rate} * min(step**-0.5, step * 60**-1.5)
        x = torch.randn(32, 10)
        loss = nn.functional.cross_entropy(net(x), (x @ way).argmax(1))
        opt.zero_grad()
        loss.backward()
        opt.step()
"""


def codes(tmp_path, source):
    path = tmp_path / "train.py"
    path.write_text(textwrap.dedent(source))
    return diagnose(path).verdicts


def line_of(source, words):
    return next(n for n, text in enumerate(textwrap.dedent(source).splitlines(), 1) if words in text)


def test_a_table_of_differences_in_a_loss_of_ones_own(tmp_path):
    first = codes(tmp_path, TABLE)[0]
    assert first.code == "L105"
    assert first.evidence["stretched_to"] == [16, 16]
    assert first.where.line == line_of(TABLE, "err = net")
    mended = TABLE.replace("x.sum(1)", "x.sum(1, keepdim=True)")
    assert not codes(tmp_path, mended)


def test_the_shut_gate_of_a_coupled_cell(tmp_path):
    assert codes(tmp_path, COUPLED.format(bias=3.0))[0].code == "T103"
    assert "T103" not in [v.code for v in codes(tmp_path, COUPLED.format(bias=-3.0))]


def test_what_made_a_late_nan_is_found_by_a_second_run(tmp_path):
    first = codes(tmp_path, LATE)[0]
    assert first.code == "L109"
    assert first.evidence["step"] == 61
    assert (Path(first.where.file).name, first.where.line) == ("train.py", line_of(LATE, "far.sqrt()"))


@pytest.mark.parametrize("learns", [False, True])
def test_a_network_that_is_frozen_but_for_a_temperature(tmp_path, learns):
    told = [v.code for v in codes(tmp_path, FROZEN.format(learns=learns))]
    assert told[:1] == ([] if learns else ["D108"])


def test_padding_in_every_row(tmp_path):
    read = "y[:, -1]"
    assert "T108" in [v.code for v in codes(tmp_path, PADDED.format(read=read))][:1]
    rightly = "y[torch.arange(len(y)), lengths - 1]"
    assert "T108" not in [v.code for v in codes(tmp_path, PADDED.format(read=rightly))]


def test_gradients_that_are_asked_for_and_kept_by_hand(tmp_path):
    assert [v.code for v in codes(tmp_path, BY_GRAD.format(datum="-torch.inf"))][:1] == ["L108"]
    assert not codes(tmp_path, BY_GRAD.format(datum=0.5))


def test_a_window_that_is_too_short_for_targets_behind_a_mask(tmp_path):
    assert [v.code for v in codes(tmp_path, BEHIND_A_MASK.format(window=10))][:1] == ["T104"]
    assert "T104" not in [v.code for v in codes(tmp_path, BEHIND_A_MASK.format(window=60))]


def test_state_that_a_module_keeps_over_shuffled_rows(tmp_path):
    assert [v.code for v in codes(tmp_path, KEEPS.format(begins="net.memory"))][:1] == ["T109"]
    assert "T109" not in [v.code for v in codes(tmp_path, KEEPS.format(begins="None"))]


def test_a_softmax_before_a_loss_of_ones_own(tmp_path):
    assert [v.code for v in codes(tmp_path, OF_ONES_OWN.format(squash=", nn.Softmax(-1)"))][:1] == ["L106"]
    assert not codes(tmp_path, OF_ONES_OWN.format(squash=""))


def test_labels_without_signal_where_training_rows_are_looked_at_too(tmp_path):
    mixed = MIXED.format(shuffled="\n    y = y[torch.randperm(700)]")
    assert [v.code for v in codes(tmp_path, mixed)][:1] == ["L110"]
    assert "L110" not in [v.code for v in codes(tmp_path, MIXED.format(shuffled=""))]


def test_a_step_too_large_behind_a_warm_up(tmp_path):
    assert [v.code for v in codes(tmp_path, DECAYING.format(rate=8.0))][:1] == ["L103"]
    assert not codes(tmp_path, DECAYING.format(rate=0.1))


def test_a_likelihood_that_is_made_small(tmp_path):
    assert [v.code for v in codes(tmp_path, LIKELIHOOD.format(sign=""))][:1] == ["L107"]
    assert not codes(tmp_path, LIKELIHOOD.format(sign="-"))


def test_rows_that_a_wild_step_threw_far_are_not_alike(tmp_path):
    """Both outputs were wrong by much in the same way, and moved by the same large step."""
    assert "D105" not in [v.code for v in codes(tmp_path, THROWN)]
