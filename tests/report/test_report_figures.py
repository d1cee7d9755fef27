"""Pictures: the same bytes for the same records, and what they show is what the records say."""

import math
import subprocess
import sys

import pytest
import report_records as records

from undertow.report import style, words
from undertow.report.figures import lengths, loss_curves, novelty
from undertow.report.learning import line
from undertow.report.save import figure_png, figure_svg
from undertow.training.history import History

HISTORY = History(tuple(records.events()))


def draw(name):
    score = records.score()
    if name == "loss":
        return loss_curves(HISTORY, score["baselines"], score)
    return {"novelty": novelty, "lengths": lengths}[name](score)


def texts(figure):
    return [text.get_text() for axes in figure.axes for text in axes.texts] + [
        t.get_text() for t in figure.texts
    ]


@pytest.mark.parametrize("name", ["loss", "novelty", "lengths"])
def test_same_records_same_bytes(name):
    assert figure_png(draw(name), dpi=60) == figure_png(draw(name), dpi=60)
    assert figure_svg(draw(name)) == figure_svg(draw(name))


def test_losses_name_what_they_show():
    told = texts(draw("loss"))
    assert {"test  1.95", "bigram table  2.45", "best  1.93  at step 4,500"} <= set(told)


def test_losses_leave_out_what_is_not_a_number():
    events = (
        {"event": "step", "step": step, "loss": loss} for step, loss in enumerate((3.0, math.nan, None, 2.0))
    )
    assert line(events, "loss") == [(0, 3.0), (3, 2.0)]


@pytest.mark.parametrize(
    "events", [(), ({"event": "validation", "step": 5, "nats_per_char": 2.0, "best": True},)]
)
def test_young_runs_are_drawn(events):
    assert figure_png(loss_curves(History(events), {}, None), dpi=60)


def test_novelty_counts_every_sample_once():
    axes = draw("novelty").axes[1]
    assert sum(bar.get_height() for bar in axes.patches) == pytest.approx(1)


def test_pictures_of_an_empty_score():
    for figure in (novelty({}), lengths({})):
        assert figure_png(figure, dpi=60)


@pytest.mark.parametrize(
    ("wanted", "placed"),
    [([1.0, 9.0], [1, 9]), ([5.0, 5.0], [4.5, 5.5]), ([3.0, 1.0, 2.9], [3.45, 1, 2.45]), ([], [])],
)
def test_labels_are_moved_apart_and_keep_their_order(wanted, placed):
    assert style.spread(wanted, 1.0) == pytest.approx(placed)


@pytest.mark.parametrize(
    ("value", "text"), [(0.9423, "94 %"), (0, "0 %"), (1, "100 %"), (0.0004, "0.1 %"), (0.9996, "99.9 %")]
)
def test_shares_never_round_a_trace_away(value, text):
    assert words.share(value) == text


def test_the_report_needs_no_torch():
    code = "import sys, undertow.report.report, undertow.report.table; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
