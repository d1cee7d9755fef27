import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from undertow.data.augment import AUGMENTATIONS, noise, splice
from undertow.errors import SettingError

TITLES = ["The Big Sleep", "The Long Goodbye", "Heat", "Out of the Past", "M"]


def test_table_names_both():
    assert set(AUGMENTATIONS) == {"splice", "noise"}


def test_splice_of_two_by_hand():
    made = splice(["a b", "c d", "e"], 1.0, np.random.default_rng(0))
    assert set(made[:1]) <= {"a b", "a d"}
    assert set(made[1:2]) <= {"c b", "c d"}
    assert made[2] == "e"


@given(seed=st.integers(0, 1000))
def test_splice_keeps_first_and_last_words(seed):
    made = splice(TITLES, 1.0, np.random.default_rng(seed))
    assert made == splice(TITLES, 1.0, np.random.default_rng(seed))
    lasts = {title.split()[-1] for title in TITLES if " " in title}
    for title, other in zip(TITLES, made, strict=True):
        if " " not in title:
            assert other == title
        else:
            assert other.split()[0] == title.split()[0]
            assert other.split()[-1] in lasts


def test_splice_strikes_its_share():
    many = ["a b", "c d"] * 5000
    changed = sum(x != y for x, y in zip(many, splice(many, 0.4, np.random.default_rng(1)), strict=True))
    assert abs(changed / 10_000 - 0.2) < 0.02  # half of the struck find their own ending again


def test_noise_spares_mark_and_padding():
    rng = np.random.default_rng(2)
    lengths = rng.integers(1, 40, 63)
    steps = np.arange(lengths.max())[:, None]
    inputs = np.where((steps > 0) & (steps < lengths), 5, 0)
    made = noise(inputs, lengths, 1.0, 1000, rng)
    assert (made[inputs == 0] == 0).all()
    assert made[inputs == 5].min() >= 1
    assert (made[inputs == 5] == 5).mean() < 0.02
    assert (noise(inputs, lengths, 0.0, 1000, rng) == inputs).all()


def test_noise_strikes_its_share_and_repeats():
    inputs = np.full((200, 50), 1)
    inputs[0] = 0
    made = noise(inputs, np.full(50, 200), 0.3, 11, np.random.default_rng(3))
    assert abs((made != inputs).mean() - 0.3 * 0.9) < 0.02
    assert (made == noise(inputs, np.full(50, 200), 0.3, 11, np.random.default_rng(3))).all()
    assert set(np.unique(made[1:])) == set(range(1, 11))


def test_bad_settings():
    with pytest.raises(SettingError, match=r"between 0 and 1, got 1\.5"):
        splice(TITLES, 1.5, np.random.default_rng(0))
    with pytest.raises(SettingError, match="got size 1"):
        noise(np.zeros((2, 1), int), np.array([2]), 0.5, 1, np.random.default_rng(0))
