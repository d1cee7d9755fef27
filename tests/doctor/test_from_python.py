"""The doctor from Python: a watch that examines, and a script by its path."""

import textwrap

import pytest
import torch
from torch import nn

import undertow as ut
from undertow.errors import DataError, SettingError

SICK = """
    import torch
    from torch import nn
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    for step in range(60):
        x = torch.randn(32, 4)
        loss = nn.functional.mse_loss(model(x), x.sum(1, keepdim=True))
        loss.backward()
        optimizer.zero_grad()
        optimizer.step()
"""


def training(model, clear, steps=60):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    torch.manual_seed(1)
    for _ in range(steps):
        x = torch.randn(32, 4)
        loss = nn.functional.mse_loss(model(x), x.sum(1, keepdim=True))
        if clear:
            optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 1))


def test_a_watch_that_examines_names_what_is_wrong():
    net = model()
    with ut.watch(net, examine=True) as flow:
        training(net, clear=False)
    told = flow.examine()
    assert told.verdicts[0].code == "L101"
    assert told.verdicts[0].where.file == __file__
    assert flow.records


def test_and_is_silent_where_nothing_is():
    net = model()
    with ut.watch(net, examine=True) as flow:
        training(net, clear=True)
    assert flow.examine().healthy


def test_it_changes_no_weight():
    ends = []
    for examine in (True, False):
        net = model()
        with ut.watch(net, examine=examine):
            training(net, clear=True)
        ends.append(net.state_dict())
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])


def test_a_watch_that_only_measures_says_how_to_examine():
    net = model()
    with ut.watch(net) as flow:
        training(net, clear=True, steps=5)
    with pytest.raises(SettingError, match=r"watch\(model, examine=True\)"):
        flow.examine()


def test_a_script_is_examined_and_treated(tmp_path):
    path = tmp_path / "train.py"
    path.write_text(textwrap.dedent(SICK))
    told = ut.examine(path)
    assert told.verdicts[0].code == "L102"
    treated = told.treat(draws=2)
    assert treated.best is not None
    assert treated.best.remedy == "zero_grad_first"
    assert treated.best.effect.mean > 0
    assert treated.score.startswith("the training loss")
    with pytest.raises(DataError, match="no such script"):
        ut.treat(tmp_path / "none.py")
