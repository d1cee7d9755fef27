"""The page of a diffusion model: its sentence, its tiles, its terms, and sheets of what is made."""

import numpy as np
import pytest

from undertow.report.diffusion_pictures import bound_by_step, diffusion_figures
from undertow.report.diffusion_sections import diffusion_sections, term_rows
from undertow.report.diffusion_words import diffusion_tiles, diffusion_verdict, held_out_bound
from undertow.report.save import figure_png
from undertow.report.words import loss, loss_note, nats_key
from undertow.training.storage import write_array


def score(kind="images"):
    bits = {"bits_a_number": 2.0} if kind == "images" else {}
    own = {"nats": 100.0, **bits, "standard_error": 1.5, "prior": 0.5, "steps": [49.5, 10.0], "last": 40.0}
    shape = [1, 8, 8] if kind == "images" else [2]
    better = {"nats": 90.0, **({"bits_a_number": 1.8} if bits else {})}
    return {
        "test": {"examples": 6000, "kind": kind, "shape": shape, "bound": own},
        "baselines": {"independent pixels" if bits else "the mixture itself": better},
        "samples": {"count": 4, "steps": 50, "eta": 0.0, "frames": [3, 2, 0]},
    }


def test_the_sentence_says_what_beats_it():
    assert diffusion_verdict(score()) == (
        "At most 2.00 bits a pixel on 6,000 images it never saw; independent pixels: 1.80, which beats this bound."
    )
    assert diffusion_verdict(score("points")).endswith("points it never saw; the mixture itself: 90.00.")
    assert diffusion_verdict({"test": {"accuracy": 1.0}}) == diffusion_verdict(None) == ""


def test_colours_are_no_pixels():
    told = score()
    told["test"]["shape"] = [3, 8, 8]
    assert "2.00 bits a number on" in diffusion_verdict(told)


def test_tiles_and_terms():
    tiles = diffusion_tiles(score())
    assert tiles[0][:2] == ("2.00", "bits a pixel")
    assert "± 0.03" in tiles[0][2]
    assert tiles[1][:2] == ("0.80", "of it in the last step")
    assert [value for _, value in term_rows(score()["test"])] == [
        "0.01, 0.50",
        "1.19, 59.50",
        "0.80, 40.00",
        "2.00, 100.00",
    ]
    assert [value for _, value in term_rows(score("points")["test"])] == ["0.50", "59.50", "40.00", "100.00"]
    assert diffusion_tiles({}) == []


def test_losses_that_are_no_nats():
    assert (nats_key("example"), nats_key("text")) == ("simple_loss", "nats_per_text")
    assert "squared error" in loss_note("example")
    assert loss_note("text") == "nats a text: lower is better"
    assert (loss(1.9482), loss(0.025138)) == ("1.95", "0.0251")


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 8, 12), (2,)], ids=str)
def test_pictures_of_what_is_made(tmp_path, shape):
    rng = np.random.default_rng(0)

    def made(*count):
        drawn = rng.standard_normal((*count, *shape))
        return drawn if len(shape) == 1 else (drawn * 40 + 128).clip(0, 255).astype(np.uint8)

    write_array(tmp_path / "made" / "strip.npy", made(3, 5))
    told = score("points" if len(shape) == 1 else "images")
    figures = diffusion_figures(tmp_path, told)
    assert set(figures) == {"bound", "strip"}
    pictures = {name: figure_png(figure, dpi=50) for name, figure in figures.items()}
    page = diffusion_sections(told, pictures)
    assert page.count("<img") == 2
    assert diffusion_figures(tmp_path, {}) == {}


def test_terms_are_drawn_for_any_number_of_steps():
    for count in (1, 2, 999):
        entry = score()["test"]
        entry["bound"]["steps"] = [1e-3] * count
        assert bound_by_step(entry, "test").get_axes()[0].lines


def test_nothing_of_other_scores():
    assert held_out_bound({"test": {"nats_per_char": 1.0}}) is None
    assert diffusion_sections({"test": {"nats_per_char": 1.0}}, {}) == ""
