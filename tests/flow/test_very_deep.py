"""A net of more modules than torch can free behind Python's back: some of them are watched, and nothing breaks."""

import torch
from torch import nn

import undertow as ut
from undertow.flow.depth import MODULES
from undertow.flow.loops import loopable


def test_of_very_many_modules_some_are_watched():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 3), *(nn.Identity() for _ in range(MODULES)), nn.Linear(3, 1))
    with ut.watch(net, every=1) as flow:
        net(torch.randn(5, 3)).sum().backward()
    [record] = flow.records
    assert MODULES // 2 <= len(record.depth) <= MODULES
    assert record.depth[0].module == "0"
    assert all(point.gradient_norm > 0 for point in record.depth)
    assert loopable(net) == {}


def test_of_many_all_are():
    net = nn.Sequential(*(nn.Linear(2, 2) for _ in range(50)))
    with ut.watch(net, every=1) as flow:
        net(torch.randn(5, 2)).sum().backward()
    assert len(flow.records[0].depth) == 50
    assert len(loopable(net)) == 51
