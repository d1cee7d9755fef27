"""Over very many layers a small factor does it: plain layers with a norm over the batch explode, residual ones not."""

import textwrap

import pytest

import undertow as ut

SCRIPT = """
    import sys

    import torch
    from torch import nn

    kind, depth, width = sys.argv[1], int(sys.argv[2]), 16
    torch.manual_seed(0)

    class Past(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Sequential(nn.BatchNorm1d(width), nn.ReLU(), nn.Linear(width, width, bias=False))

        def forward(self, x):
            return x + self.inner(x) / depth**0.5

    def layer():
        if kind == "residual":
            return [Past()]
        return [nn.Linear(width, width, bias=False), nn.BatchNorm1d(width), nn.ReLU()]

    parts = [part for _ in range(depth) for part in layer()]
    net = nn.Sequential(nn.Linear(10, width), *parts, nn.Linear(width, 2))
    optimizer = torch.optim.Adam(net.parameters(), 1e-3)
    for _ in range(60):
        x = torch.randn(32, 10)
        loss = nn.functional.cross_entropy(net(x), (x[:, 0] > 0).long())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""


@pytest.mark.parametrize(("kind", "codes"), [("normed", ["D102"]), ("residual", [])])
def test_norms_explode_where_nothing_leads_past_the_layers(tmp_path, kind, codes):
    path = tmp_path / "deep.py"
    path.write_text(textwrap.dedent(SCRIPT))
    found = ut.examine(str(path), [kind, "80"]).verdicts
    assert [verdict.code for verdict in found] == codes
    if found:
        assert found[0].evidence["grown"] > 1e4
        assert found[0].remedies[0] == "residual"
