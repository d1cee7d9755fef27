"""Pictures of gradients: what they show is what the records say, whatever is missing or no number."""

import math
from dataclasses import replace

import pytest

from undertow.flow.records import Flow, Horizon, Jacobians, Point, Spectrum, Time
from undertow.report.flow import flow_figures
from undertow.report.flow_depth import depth_profile
from undertow.report.flow_steps import bounds, jacobian_steps
from undertow.report.flow_time import gains, gates, gradient_map
from undertow.report.save import figure_png

WALK = Time(
    module="recurrent",
    layer=0,
    direction=0,
    cell="lstm",
    steps=30,
    batch=4,
    gradient={"h": [0.9 ** (29 - t) for t in range(30)], "c": [0.8 ** (29 - t) for t in range(30)]},
    state={"h": [1.0] * 30, "c": [2.0] * 30},
    gates={"input": [0.4] * 30, "forget": [0.9] * 30, "output": [0.42] * 30},
    gain=[0.85**k for k in range(30)],
)
LAYERS = (WALK, replace(WALK, layer=1), replace(WALK, layer=1, direction=1, gates={}, gain=[]))
POINTS = tuple(Point(f"layer{n}", "Linear", 0, 100, 10.0, 0.5**n, 0.25 if n == 2 else None) for n in range(6))
LINE = Horizon("", 0, 0, "rnn", 0.01, tuple(0.8**k for k in range(40)), 20, beyond=False, rate=0.8)
STEPS = Jacobians(
    "", 0, 0, "rnn", (0.9, 0.8), (1.1, 1.0), (1, 2), (0.9, 0.7), (1.0, 1.1), (1.2, 1.3), (0.5, 0.2)
)


def texts(figure):
    told = [t.get_text() for t in figure.texts]
    for axes in figure.axes:
        told += [t.get_text() for t in (*axes.texts, *axes.get_yticklabels())] + [axes.get_title(loc="left")]
    return told


def test_the_map_holds_every_layer_field_and_step():
    figure = gradient_map(LAYERS, 120)
    rows = texts(figure)
    assert {"recurrent layer 1  h", "recurrent layer 2  c", "recurrent layer 2 backward  h"} <= set(rows)
    assert figure.axes[0].images[0].get_array().shape == (6, 30)
    assert any("training step 120" in text for text in rows)


def test_gains_name_horizon_and_rate():
    told = texts(gains([LINE, replace(LINE, beyond=True, steps=39, layer=1, rate=math.nan)]))
    assert "layer 1\nhorizon 20, rate 0.800" in told
    assert "layer 2\nhorizon over 39" in told
    assert "floor 0.01" in told


def test_gates_and_depth_name_their_lines():
    told = texts(gates(LAYERS, 7))
    assert "forget  0.90" in told
    assert "recurrent layer 2" in told
    told = texts(depth_profile(POINTS, 7))
    assert {"output", "gradient", "layer2  Linear", "25 % dead"} <= set(told)


def test_bounds_are_named_where_they_hold():
    assert {"truth", "product of norms", "‖W‖ and slopes", "as taught"} <= set(texts(bounds(STEPS)))
    assert "as taught" not in texts(bounds(replace(STEPS, weights=None, as_taught=None)))
    spectrum = Spectrum("", 0, 0, "rnn", 2, (0.1, -0.5, -math.inf))
    assert "radius  0.80" in texts(jacobian_steps(STEPS, spectrum))


def test_a_run_has_the_pictures_that_there_are_records_for():
    assert flow_figures([]) == {}
    assert flow_figures([Flow(0, 0.0)]) == {}
    whole = Flow(3, 1.0, depth=POINTS, time=LAYERS)
    assert set(flow_figures([whole])) == {"gradient_in_time", "gains", "gates", "gradient_in_depth"}
    bare = Flow(4, 1.0, time=(replace(WALK, gates={}, gain=[]),))
    assert set(flow_figures([bare])) == {"gradient_in_time"}


@pytest.mark.parametrize("odd", [0.0, math.nan, math.inf])
def test_odd_numbers_are_drawn(odd):
    walk = replace(WALK, gradient={"h": [odd] * 30}, gain=[odd] * 30, gates={})
    point = replace(POINTS[0], norm=odd, gradient_norm=odd)
    assert figure_png(gradient_map([walk], 0), dpi=40)
    assert figure_png(gains([replace(LINE, gain=(odd,) * 40, rate=odd)]), dpi=40)
    assert figure_png(depth_profile([point, POINTS[1]], 0), dpi=40)
    assert figure_png(bounds(replace(STEPS, truth=(odd, odd), product=(odd, odd))), dpi=40)


def test_same_records_same_bytes():
    assert figure_png(gains([LINE]), dpi=60) == figure_png(gains([LINE]), dpi=60)
