"""Pictures of very deep nets: modules of a kind are one line, from the first layer to the last."""

import math
from dataclasses import replace

import pytest

from undertow.flow.records import Flow, Point
from undertow.report.flow import flow_figures
from undertow.report.flow_deep import alike, deep_profile
from undertow.report.save import figure_png


def points(layers, factor=1.1):
    told = [Point("first", "Linear", 0, 4, 2.0, 3.0)]
    for n in range(layers):
        told.append(Point(f"layers.{n}.norm", "BatchNorm", 0, 4, 2.0, factor**n))
        told.append(Point(f"layers.{n}.map", "Linear", 0, 4, 4.0, 2 * factor**n))
    return [*told, Point("readout", "Linear", 0, 4, 1.0, 1.0)]


def test_modules_of_a_kind_are_one_line_in_their_order():
    groups = alike(points(40))
    assert list(groups) == ["layers.·.norm  BatchNorm", "layers.·.map  Linear"]
    assert [n for n, _ in groups["layers.·.map  Linear"]] == list(range(1, 41))
    assert groups["layers.·.map  Linear"][7][1].module == "layers.7.map"


def test_lines_are_root_mean_squares():
    upper, lower = deep_profile(points(40), 3).axes
    gradient = upper.lines[1].get_ydata()
    assert gradient[0] == pytest.approx(2 / 2)  # norm 2 over 4 numbers
    assert gradient[-1] == pytest.approx(1.1**39)
    assert lower.lines[0].get_ydata()[5] == pytest.approx(1.0)


@pytest.mark.parametrize("factor", [1e-3, 1.0, 1e5])
def test_any_slope_is_drawn(factor):
    """What has vanished below the smallest number is left out, and what has grown beyond all stays a number."""
    told = points(60, factor)
    told[-3] = replace(told[-3], gradient_norm=math.inf, norm=math.nan)
    assert len(figure_png(deep_profile(told, 0), dpi=40)) > 2000
    assert len(deep_profile(told, 0).axes[0].lines[0].get_xdata()) < 60


def test_more_than_sixty_modules_are_drawn_so():
    few, many = (flow_figures([Flow(1, 0.0, tuple(points(n)))])["gradient_in_depth"] for n in (10, 40))
    assert (len(few.axes), len(many.axes)) == (1, 2)
