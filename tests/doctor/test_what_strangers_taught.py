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
