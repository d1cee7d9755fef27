"""Letters beyond the usual font: drawn by one that has them, said once where none has."""

import warnings

import numpy as np
import pytest
from matplotlib import font_manager, image
from matplotlib.ft2font import FT2Font

from undertow.report import letters, style
from undertow.report.save import figure_png


def has(family, letter):
    found = font_manager.findfont(font_manager.FontProperties(family=family), fallback_to_default=False)
    return ord(letter) in FT2Font(found).get_charmap()


def inked(png, tmp_path):
    (tmp_path / "a.png").write_bytes(png)
    return image.imread(tmp_path / "a.png")[..., :3].min(2) < 0.5


def written(text):
    figure = style.new_figure(2, 1)
    figure.text(0.3, 0.3, text, size=40)
    return figure


def test_a_letter_that_another_font_has_is_drawn_by_it(tmp_path):
    """matplotlib brings STIX along, which has a circled letter in an upright face that its usual font lacks."""
    letter = next(
        chr(c)
        for c in sorted(FT2Font(font_manager.findfont("STIXGeneral")).get_charmap())
        if c > 0x2000 and chr(c).isalpha() and not has("DejaVu Sans", chr(c))
    )
    figure = written(f"a{letter}")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        png = figure_png(figure)
    assert len(figure.texts[0].get_fontfamily()) > 1
    box = written("a\U0010fffd")
    with pytest.warns(letters.LettersWarning):
        other = figure_png(box)
    assert not np.array_equal(inked(png, tmp_path), inked(other, tmp_path))


def test_letters_that_no_font_has_are_said_once():
    figure = written("".join(map(chr, range(0x10FFF0, 0x10FFFE))))  # for private use, at the very end
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        figure_png(figure)
    (one,) = said
    assert issubclass(one.category, letters.LettersWarning)
    assert "Install one" in str(one.message)


def test_what_the_usual_font_has_is_left_alone():
    figure = written("Größe žluťoučký Ω → ∂")
    figure_png(figure)
    assert figure.texts[0].get_fontfamily() == written("a").texts[0].get_fontfamily()
