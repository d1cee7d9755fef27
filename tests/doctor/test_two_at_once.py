"""Two faults in one script, and two heads on one network."""

import textwrap

from undertow.doctor.diagnosis import diagnose
from undertow.doctor.examine import ordered
from undertow.doctor.rule import every_rule
from undertow.doctor.verdict import Verdict

HEADS = """
    import torch
    from torch import nn
    torch.manual_seed(0)
    lstm, old, new = nn.LSTM(8, 24), nn.Linear(24, 4), nn.Linear(24, 4)
    lstm.bias_ih_l0.data[24:48] = {bias}
    opt = torch.optim.Adam([*lstm.parameters(), *old.parameters(), *new.parameters()], lr=5e-3)
    for step in range(150):
        ids = torch.randint(4, (40, 32))
        x = torch.cat([nn.functional.one_hot(ids, 4), torch.zeros(40, 32, 4)], 2)
        x[0, :, 4] = 1
        y, _ = lstm(x)
        loss = nn.functional.cross_entropy(new(y[-1]), ids[-1]) + nn.functional.cross_entropy(old(y[-1]), ids[0])
        opt.zero_grad()
        loss.backward()
        opt.step()
"""
CUT_AND_LEAKING = """
    import torch
    from torch import nn
    torch.manual_seed(0)
    gru, read = nn.GRU(2, 24, batch_first=True), nn.Linear(24, 1)
    opt = torch.optim.Adam([*gru.parameters(), *read.parameters()], lr=8e-3)
    state = None
    for step in range(150):
        x = torch.rand(32, 40, 2)
        x[:, 1:, 1] = 0
        y = 4 * x[:, 0, 0]
        for part in x.split(10, dim=1):
            state = None if state is None else state.detach()
            _, state = gru(part, state)
        loss = (read(state[0]).squeeze(1) - y).square().mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
"""


def told(tmp_path, source):
    path = tmp_path / "train.py"
    path.write_text(textwrap.dedent(source))
    return [v.code for v in diagnose(path).verdicts]


def test_the_head_that_asks_furthest_back_counts(tmp_path):
    assert told(tmp_path, HEADS.format(bias=-4.0))[:1] == ["T103"]
    assert "T103" not in told(tmp_path, HEADS.format(bias=4.0))


def test_windows_cut_within_a_call_are_no_consequence_of_state_that_leaks(tmp_path):
    assert told(tmp_path, CUT_AND_LEAKING)[:1] == ["T104"]


def test_of_two_that_are_as_sure_wrong_wiring_stands_first():
    names = {rule.code: rule.name for rule in every_rule()}
    found = ordered([Verdict(code, names[code], 0.95, "") for code in ("D107", "T107")], every_rule())
    assert [(v.code, v.because_of) for v in found] == [("T107", ()), ("D107", ())]
