"""The unrolled graph: as many copies as steps, every weight once, and no two words on each other."""

from itertools import combinations

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from undertow.errors import SettingError
from undertow.report.save import figure_png
from undertow.report.unrolled import Unrolled, draw_unrolled, text_unrolled

LSTM = (("x", (1024, 64)), ("h", (1024, 256)), ("b", (1024,)))
UPPER = (("x", (1024, 256)), ("h", (1024, 256)), ("b", (1024,)))
CASES = {
    "one layer": Unrolled("lstm", ("h", "c"), LSTM),
    "two layers": Unrolled("lstm", ("h", "c"), LSTM, layers=2, upper_weights=UPPER),
    "both ways": Unrolled("gru", ("h",), LSTM, steps=5, bidirectional=True),
    "both ways, two layers": Unrolled("gru", ("h",), LSTM, steps=2, bidirectional=True, layers=2),
    "100 steps": Unrolled("rnn", ("h",), (("x", ("H", "I")), ("h", ("H", "H"))), steps=100, layers=2),
    "four states": Unrolled("my_own_cell", ("h", "c", "n", "memory"), LSTM, steps=4),
    "six states": Unrolled("m", tuple("abcdef"), LSTM[:1], steps=8),
    "eight layers": Unrolled("rnn", ("h",), LSTM, steps=2, layers=8),
    "one step": Unrolled("rnn", ("h",), LSTM, steps=1),
    "odd names": Unrolled("a_$cell%", ("h_t", "σ"), (), input_label="x_in", output_label="$"),
}


@pytest.fixture(params=CASES.values(), ids=CASES.keys())
def record(request):
    return request.param


def gids(figure, kind):
    drawn = [artist.get_gid() or "" for artist in (*figure.axes[0].patches, *figure.axes[0].texts)]
    return [gid for gid in drawn if gid.split(" ")[0] == kind]


def test_a_copy_for_every_step_of_every_row(record):
    cells = gids(draw_unrolled(record), "cell")
    shown = min(record.steps, 8) if record.steps <= 8 else 5
    assert len(cells) == len(set(cells)) == shown * record.layers * (2 if record.bidirectional else 1)
    assert f"step {record.steps}" in cells[-1]


def test_every_weight_is_named_once_a_row(record):
    weights = gids(draw_unrolled(record), "weight")
    assert len(weights) == len(set(weights)) == len(record.weights) * len(record.rows())


def test_no_two_words_overlap(record):
    figure = draw_unrolled(record)
    FigureCanvasAgg(figure).draw()
    boxes = [text.get_window_extent() for text in (*figure.axes[0].texts, *figure.texts) if text.get_text()]
    assert all(figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1 for box in boxes)
    for one, other in combinations(boxes, 2):
        wide = min(one.x1, other.x1) - max(one.x0, other.x0)
        high = min(one.y1, other.y1) - max(one.y0, other.y0)
        assert wide < 1 or high < 3, "two labels lie on each other"


def test_same_record_same_bytes(record):
    assert figure_png(draw_unrolled(record), dpi=50) == figure_png(draw_unrolled(record), dpi=50)


def test_text_tells_the_same_in_100_columns():
    assert text_unrolled(Unrolled("rnn", ("h",), LSTM, steps=2)) == (
        "rnn, unrolled over 2 steps\n"
        "\n"
        "          y₁            y₂\n"
        "          ↑             ↑\n"
        "─ h₀ ─→[ rnn ]─ h₁ ─→[ rnn ]─ h₂ ─→  layer 1\n"
        "          ↑             ↑\n"
        "          x₁            x₂\n"
        "\n"
        "the same weights at every step:\n"
        "  layer 1: x 1024×64, h 1024×256, b 1024\n"
    )


@pytest.mark.parametrize("name", ["one layer", "both ways", "100 steps"])
def test_text_fits_the_terminal(name):
    text = text_unrolled(CASES[name])
    assert max(map(len, text.splitlines())) <= 100
    assert text.count("x 1024×64" if name != "100 steps" else "x H×I") == len(CASES[name].rows())


def test_sizes_of_upper_layers_are_never_guessed():
    upper = draw_unrolled(Unrolled("lstm", ("h",), LSTM, layers=2)).axes[0].texts
    assert [text.get_text() for text in upper if text.get_gid() == "weight layer 2 x"] == ["x"]


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"layers": 0}, {"states": ()}])
def test_nothing_to_draw_is_refused(wrong):
    with pytest.raises(SettingError, match="at least one step"):
        Unrolled(**{"cell": "rnn", "states": ("h",), "weights": LSTM} | wrong)
