"""The benchmark of watching: rows, bars and words; figures are for a quiet machine."""

import pytest

from undertow.bench import watching
from undertow.bench.small_networks import NETWORKS, Trainer
from undertow.errors import SettingError


@pytest.mark.parametrize("name", list(NETWORKS))
def test_every_network_learns_its_batch(name):
    trainer = Trainer(NETWORKS[name])
    before = [p.detach().clone() for p in trainer.model.parameters()]
    trainer.step()
    assert any((a != b).any() for a, b in zip(before, trainer.model.parameters(), strict=True))


def test_a_network_has_a_row_an_interval():
    told = []
    rows = list(watching.measure(("mlp",), 0.1, told.append))
    assert [row.every for row in rows] == [20, 1]
    assert [row.bar for row in rows] == [0.03, 0.10]
    for row in rows:
        assert row.plain_ms > 0
        assert row.met == (row.overhead <= row.bar and (row.memory_overhead or 0) <= 0.05)
    ((_, table),) = watching.tables(rows)
    assert {line["measured"] for line in table} == {"every 20 steps", "every step"}
    assert len(told) == 2


def test_an_unknown_network_is_refused():
    with pytest.raises(SettingError, match="There is no network 'vgg'"):
        list(watching.measure(("vgg",), 0.1, print))
