"""The page of a treatment says what helped, what did not, and what could not be tried, from made-up trials."""

import math
from dataclasses import replace

from undertow.doctor.effect import Effect
from undertow.doctor.treat import Treatment, Trial
from undertow.report.treatment import curves_picture, headline, score_picture, treatment_page

NAN = math.nan


def curve(scale, steps=200, ends=None):
    return tuple(
        (n, NAN if ends is not None and n >= ends else scale * (1.2 + math.sin(n)) * 0.99**n)
        for n in range(steps)
    )


HELPED = Trial(
    "L103", "lower_rate", 0.1, "lower rate, a tenth", "A learning rate of a tenth.", (0.9, 0.91, 0.92),
    Effect(0.4, 0.35, 0.45, True), "", (curve(0.2), curve(0.22), curve(0.21)),
)  # fmt: skip
USELESS = replace(
    HELPED, remedy="clip", called="clip, to a norm of 1", says="Clip.", scores=(0.5, NAN, 0.52),
    effect=Effect(0.0, -0.1, 0.1, False),
)  # fmt: skip
UNTRIED = replace(
    HELPED, remedy="norm", called="norm", scores=(), effect=None, note="it felled the script", curves=()
)
TOLD = Treatment(
    "folder/train.py", "accuracy ([0-9.]+)", "higher", 3, 200, 61.0,
    ({"code": "L103", "name": "step too large", "says": "A step changes the weights by 30 %."},),
    (0.5, 0.49, 0.51), (curve(1.0), curve(1.1, ends=60), curve(0.9)), (HELPED, USELESS, UNTRIED),
    (("D101", "residual", "A way past the layers: x + f(x)."),),
)  # fmt: skip


def test_the_page_says_all_of_it():
    page = treatment_page(TOLD)
    assert "A learning rate of a tenth. It was tried, and helped: 0.5 → 0.91 (better by 0.4" in page
    assert "did not help: 0.5 → no number in 1 of 3" in page
    assert "not tried: it felled the script" in page
    assert "D101: A way past the layers" in page
    assert page.count("<img") + page.count("<svg") == 2
    assert "<script" not in page


def test_it_says_so_where_nothing_helped():
    assert headline(replace(TOLD, trials=(USELESS,))) == "None of the remedies that were tried helped."
    assert "takes an edit" in headline(replace(TOLD, trials=()))


def test_a_picture_of_nothing_is_none():
    assert score_picture(replace(TOLD, control=(NAN, NAN, NAN)), []) is None
    assert curves_picture(replace(TOLD, trials=())) is None


def test_where_a_loss_ends_is_marked():
    axes = curves_picture(TOLD).axes[0]
    crosses = [line for line in axes.lines if line.get_marker() == "x"]
    assert [line.get_xdata()[0] for line in crosses] == [59]
