"""bench treat: what a fault costs, and how much of it the recommended remedy gives back."""

import math
import textwrap

import pytest

from undertow.bench.confusion import confusion
from undertow.bench.patients import Row as Told
from undertow.bench.patients import constants
from undertow.bench.patients import tables as told_tables
from undertow.bench.repairs import Row, Wanted, measure, repairable, tables
from undertow.doctor.rule import every_rule
from undertow.errors import DataError

PROGRAM = """
    import argparse
    import torch
    FAULTS = ("zero_grad_before_step", "no_signal")
    METRIC = (r"left: ([\\d.naif]+)", "lower")
    parser = argparse.ArgumentParser()
    parser.add_argument("--fault", choices=FAULTS)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    torch.manual_seed(given.seed)
    net = torch.nn.Linear(3, 1)
    opt = torch.optim.SGD(net.parameters(), lr=0.1)
    for step in range(60):
        x = torch.randn(16, 3)
        loss = (net(x) - x.sum(1, keepdim=True)).square().mean()
        if given.fault is None:
            opt.zero_grad()
        loss.backward()
        if given.fault:
            opt.zero_grad()
        opt.step()
    print(f"left: {loss.item():.6f}")
"""


def test_a_program_is_repaired(tmp_path):
    (tmp_path / "sums.py").write_text(textwrap.dedent(PROGRAM))
    said = []
    (row,) = measure(Wanted((str(tmp_path),), seeds=2), said.append)
    assert (row.fault, row.code) == (
        "zero_grad_before_step",
        "L102",
    )  # the other can be mended by an edit only
    assert row.named
    assert row.met
    assert row.gap == pytest.approx(1, abs=0.05)
    assert row.remedy == "zero grad first"
    assert row.control > 1 > row.twin >= 0
    assert "100% given back" in said[0]
    assert tables([row])[0][1][0]["repaired"] == "100.0%"


def test_a_folder_without_programs(tmp_path):
    with pytest.raises(DataError, match="no programs there"):
        list(measure(Wanted((str(tmp_path),)), print))


def test_which_faults_can_be_mended_from_outside():
    edits = {rule.code for rule in every_rule() if not repairable(rule)}
    assert edits == {"L110", "T104", "T108", "T112"}


def row(gap, **others):
    base = {"folder": "tests/sick", "program": "p", "fault": "no_zero_grad", "code": "L101", "goal": "lower"}
    told = {"named": True, "control": 2.0, "twin": 1.0, "treated": 1.0, "remedy": "zero grad", "arms": 1}
    rest = {"gap": gap, "at_random": 0.2, "random_remedy": "clip", "seconds": 1.0}
    return Row(**{**base, **told, **rest, **others})


def test_what_costs_nothing_does_not_count():
    shown = tables([row(0.95), row(0.5), row(None)])[0][1][0]
    assert shown["that lose something"] == 2
    assert shown["repaired"] == "50.0%"
    assert shown["at random"] == "0.0%"
    assert row(None).met
    assert not row(0.5).met
    assert not math.isnan(row(0.5).gap)


def test_the_picture_of_what_was_said():
    codes = [rule.code for rule in every_rule()]
    told = [Told("x", "p", code, 0, code, (code,), 1.0, 9, None, "", met=True) for code in codes]
    figure = confusion([*told, Told("x", "h", "", 0, "", (), 1.0, 9, None, "", met=True)])
    assert len(figure.axes[0].get_yticklabels()) == 33
    assert len(figure.axes[0].get_xticklabels()) == 33
    assert confusion([]) is None


def test_a_needed_lag_beside_the_one_that_was_planted(tmp_path):
    def run(planted, told):
        return Told("x", "p", "", 0, "", (), 1.0, 9, told, "", met=True, planted_lag=planted)

    rows = [run(20, 20), run(20, 39), run(20, 9), run(20, None), run(None, 7)]
    title, (row,) = told_tables(rows)[1]
    assert "Needed lag" in title
    assert row["planted"] == "20 to 20"
    assert (row["runs"], row["asked"]) == (4, 3)
    assert (row["exact"], row["within"]) == ("33.3%", "66.7%")
    (tmp_path / "p.py").write_text("LAGS = (3, 4)\nraise SystemExit\n")
    assert constants(tmp_path / "p.py") == {"LAGS": (3, 4)}
