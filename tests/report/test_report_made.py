"""What a generator made, in pictures and words: they say what the records say."""

import numpy as np
import pytest

from undertow.data.mixtures import MIXTURES
from undertow.data.mode_figures import covered
from undertow.report.made_learning import distances, tells_distance
from undertow.report.made_pictures import beside, by_class, image_sheet, moments, scatter, strip
from undertow.report.made_words import made_tiles, made_verdict
from undertow.report.save import figure_png
from undertow.training.history import History

RING = MIXTURES["ring"]
POINTS = RING.draw(200, np.random.default_rng(0))[0]
IMAGES = np.random.default_rng(0).integers(0, 256, (30, 3, 9, 7), dtype=np.uint8)
OF = {"count": 10_000, "distance": 0.05, "precision": 0.91, "recall": 0.88, "by_class": [5, 3]}
MODES = {
    "classes": ["1", "2"],
    "samples": {**OF, "modes": 2, "covered": 1, "good_share": 0.975},
    "real": {**OF, "modes": 2, "covered": 2, "good_share": 0.9997, "distance": 0.01},
}
KINDS = {
    "classes": ["a", "b"],
    "samples": {**OF, "classes": 2, "covered": 2, "kl": 0.1, "confidence": 0.9},
    "real": {
        **OF,
        "classes": 2,
        "covered": 2,
        "kl": 0.0,
        "confidence": 0.95,
        "precision": None,
        "recall": None,
    },
    "judge": {"accuracy": 0.97, "trained_on": 1000},
}


def looks(**more):
    steps = ((10, 1.0), (20, 0.4), (30, 0.5))
    return History(
        tuple(
            {
                "event": "validation",
                "step": step,
                "distance": value,
                "critic": 0.2,
                "best": step == 20,
                **more,
            }
            for step, value in steps
        )
    )


def texts(figure):
    return [t.get_text() for axes in figure.axes for t in axes.texts] + [t.get_text() for t in figure.texts]


def test_the_verdict_leaves_no_weak_point_out():
    told = made_verdict(MODES)
    assert told.startswith("It covers 1 of 2 modes; 98 % of 10,000 samples are good, within 4 σ of a mode")
    assert "99.9 % of real ones are" in told
    assert "precision and recall are 0.91 and 0.88 (real ones 0.91 and 0.88)" in told
    told = made_verdict(KINDS)
    assert "It covers 2 of 2 classes with samples that lie among real ones, as a judge tells them" in told
    assert "that is right on 97 % of real ones" in told
    assert "(real ones" not in told
    assert made_verdict({"samples": {"new_share": 0.5}}) == made_verdict(None) == ""


def test_tiles_say_the_same():
    told = {label: value for value, label, _ in made_tiles(MODES)}
    assert told["modes covered"] == "1 of 2"
    assert told["good samples"] == "98 %"
    assert "good samples" not in {label for _, label, _ in made_tiles(KINDS)}


def test_moments_are_closer_together_at_first():
    taken = moments(list(range(100, 2600, 100)))
    assert len(taken) == len(set(taken)) == 6
    assert (taken[0], taken[-1]) == (100, 2500)
    gaps = np.diff(taken)
    assert (gaps[1:] >= gaps[:-1]).all()
    assert moments([5, 6]) == [5, 6]
    assert moments(list(range(7)))[-1] == 6


@pytest.mark.parametrize(
    ("rows", "modes"), [(POINTS, RING), (POINTS, None), (IMAGES, None), (IMAGES[:, :1], None)]
)
def test_same_samples_same_bytes(rows, modes):
    def drawn():
        return [strip({1: rows, 7: rows}, modes), beside(rows, rows, modes)]

    for one, two in zip(drawn(), drawn(), strict=True):
        assert figure_png(one, dpi=40) == figure_png(two, dpi=40)


def test_every_image_is_on_the_sheet():
    """Pixels come back where they belong, white between them."""
    [axes] = image_sheet(IMAGES).axes
    sheet = axes.images[0].get_array()
    assert sheet.shape == (5 * 11 - 2, 6 * 9 - 2, 3)
    assert np.array_equal(sheet[11:20, 18:25], np.moveaxis(IMAGES[8], 0, -1))
    assert (sheet[9:11] == 255).all()


def test_points_and_places_of_modes_are_drawn():
    [axes] = scatter(POINTS, RING).axes
    assert [len(c.get_offsets()) for c in axes.collections] == [8, 200]


def test_a_class_that_is_missed_stands_out():
    samples = {"modes": 3, "count": 100, "by_class": [50, 0, 50]}
    figure = by_class(["1", "2", "3"], samples, [1 / 3] * 3)
    colors = [bar.get_facecolor() for bar in figure.axes[0].patches]
    assert colors[0] == colors[2] != colors[1]
    assert any("less than a tenth of the fair share: 1 mode" in text for text in texts(figure))
    samples = {"classes": 2, "count": 9, "by_class": [4, 5]}
    assert not any("tenth" in text for text in texts(by_class(["1", "2"], samples, [0.5, 0.5])))


def test_the_picture_and_the_tile_tell_of_the_same_fair_shares():
    """Of all samples, whether good or not, beside the shares of the data, not of some real ones."""
    samples = {"classes": 3, "count": 1000, "by_class": [29, 31, 10]}
    fair, names = [0.3, 0.3, 0.4], ["a", "b", "c"]
    figure = by_class(names, samples, fair)
    assert [bar.get_height() for bar in figure.axes[0].patches] == [0.029, 0.031, 0.01]
    [dashes] = figure.axes[0].collections
    assert [dash[0, 1] for dash in dashes.get_segments()] == fair
    missed = 3 - covered(samples["by_class"], 1000, fair)
    assert missed == 2
    assert any(f"less than a tenth of the fair share: {missed} classes" in text for text in texts(figure))


def test_learning_says_what_was_kept_and_what_real_ones_get():
    figure = distances(looks(covered=7, good_share=0.5), 0.1, 8)
    assert {"samples  0.5", "real ones  0.1", "kept  0.4  at step 20"} <= set(texts(figure))
    assert len(figure.axes) == 4
    assert len(distances(looks()).axes) == 2
    assert tells_distance(looks())
    assert not tells_distance(History(({"event": "validation", "step": 1, "nats_per_char": 2.0},)))
