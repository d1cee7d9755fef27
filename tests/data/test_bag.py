import time
from itertools import pairwise

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from undertow.data import bag
from undertow.data.bag import bag_of_words, majority
from undertow.data.tokens import split_words
from undertow.errors import DataError, SettingError


def made_up(rows, classes, seed=0, length=9):
    """Texts of a thousand words, some of which each class prefers."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, rows)
    words = random.zipf(1.3, (rows, length)) % 1000
    words = np.where(random.random((rows, length)) < 0.2, 1000 + labels[:, None] * 7 + words % 9, words)
    return [" ".join(f"w{word}" for word in row) for row in words], labels


def grams(text):
    words = split_words(text, lower=True)
    return words + [f"{left} {right}" for left, right in pairwise(words)]


def oracle(train, labels, texts, strength, tolerance=1e-7):
    vectorizer = TfidfVectorizer(analyzer=grams, sublinear_tf=True)
    model = LogisticRegression(C=strength, max_iter=2000, tol=tolerance)
    with threadpool_limits(1):  # small products, for which many threads only wait
        model.fit(vectorizer.fit_transform(train), labels)
        return model.predict_proba(vectorizer.transform(texts))


@pytest.mark.parametrize(("classes", "strength"), [(3, 1.0), (3, 30.0), (5, 3.0)])
def test_probabilities_agree_with_scikit_learn(monkeypatch, classes, strength):
    monkeypatch.setattr(bag, "NEAR", 1e-11)
    texts, labels = made_up(400, classes)
    texts[3], texts[7], texts[350] = "", "w1 w1 w1 W2", "nobody knew this"
    found = bag_of_words(texts[:300], labels[:300], texts[300:], strengths=[strength])
    np.testing.assert_allclose(found, oracle(texts[:300], labels[:300], texts[300:], strength), atol=1e-4)


def test_two_classes_are_half_as_strong_as_scikit_learn_names_them(monkeypatch):
    monkeypatch.setattr(bag, "NEAR", 1e-11)
    texts, labels = made_up(300, 2)
    found = bag_of_words(texts[:200], labels[:200], texts[200:], strengths=[5.0])
    np.testing.assert_allclose(found, oracle(texts[:200], labels[:200], texts[200:], 10.0), atol=1e-4)


def test_as_it_is_used_it_is_as_accurate_as_scikit_learn():
    texts, labels = made_up(1000, 3)
    found = bag_of_words(texts[:600], labels[:600], texts[600:]).argmax(axis=1)
    others = [oracle(texts[:600], labels[:600], texts[600:], strength, 1e-4) for strength in (1.0, 10.0)]
    best = max(np.mean(other.argmax(axis=1) == labels[600:]) for other in others)
    assert np.mean(found == labels[600:]) > best - 0.02 > 0.5


def test_the_order_of_words_is_seen_in_pairs():
    train = ["not bad", "bad not", "not bad at all", "bad not at all"] * 5
    found = bag_of_words(train, [1, 0, 1, 0] * 5, ["it is not bad", "bad not"], strengths=[10.0])
    assert found.argmax(axis=1).tolist() == [1, 0]


def test_the_judged_texts_take_no_part():
    texts, labels = made_up(500, 3)
    alone = bag_of_words(texts[:300], labels[:300], texts[300:301])
    among = bag_of_words(texts[:300], labels[:300], texts[300:])
    np.testing.assert_array_equal(alone[0], among[0])
    np.testing.assert_array_equal(among, bag_of_words(texts[:300], labels[:300], texts[300:]))


def test_noise_chooses_weak_weights_and_sense_strong_ones():
    texts, labels = made_up(600, 3)
    noise = np.random.default_rng(1).integers(0, 3, 600)
    assert bag_of_words(texts, noise, texts).max() < 0.9
    assert np.median(bag_of_words(texts, labels, texts).max(axis=1)) > 0.9


def test_classes_without_a_training_text_get_nothing():
    found = bag_of_words(["a b", "c d"] * 4, [1, 3] * 4, ["a", "d", ""], classes=5)
    assert found.shape == (3, 5)
    assert found[:, [0, 2, 4]].tolist() == [[0, 0, 0]] * 3
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert found.argmax(axis=1)[:2].tolist() == [1, 3]
    assert bag_of_words(["a", "b"], [2, 2], ["a"]).tolist() == [[0, 0, 1]]
    assert bag_of_words(["a", "b"], [0, 1], []).shape == (0, 2)


@pytest.mark.parametrize("rows", [2, 3, 10, 40])
def test_few_texts_are_enough(rows):
    texts, labels = made_up(rows, 2)
    labels[:2] = [0, 1]
    found = bag_of_words([*texts, *[""] * rows], [*labels, *[0] * rows], texts)
    assert np.isfinite(found).all()


def test_a_class_that_only_the_held_out_texts_have_does_no_harm():
    texts, labels = made_up(300, 2)
    labels[5] = 2
    for text in range(8):
        found = bag_of_words([*texts, f"rare {text}"], [*labels, 3], texts)
        assert np.isfinite(found).all()
        assert np.mean(found.argmax(axis=1) == labels) > 0.9


def test_majority_by_hand():
    assert majority([1, 0, 1, 1], 2).tolist() == [[0.25, 0.75]] * 2
    assert majority(np.array([0]), 1, classes=3).tolist() == [[1, 0, 0]]
    assert majority([1], 0).shape == (0, 2)


def test_what_cannot_be_learnt():
    with pytest.raises(SettingError, match="above 0"):
        bag_of_words(["a"], [0], ["a"], strengths=[0.0, 1.0])
    with pytest.raises(SettingError, match="one is needed"):
        bag_of_words(["a"], [0], ["a"], strengths=[])
    with pytest.raises(DataError, match="got 2 texts and 1 labels"):
        bag_of_words(["a", "b"], [0], ["a"])
    with pytest.raises(DataError, match="labels must be 0 to 1, got 0 to 2"):
        bag_of_words(["a", "b"], [0, 2], ["a"], classes=2)
    with pytest.raises(DataError, match="labels must be 0 or more, got -1"):
        majority([-1], 1)
    with pytest.raises(DataError, match="whole numbers, at least one"):
        majority([], 1)
    with pytest.raises(DataError, match="hold no word"):
        bag_of_words(["", " "], [0, 1], ["a"])


def test_five_thousand_texts_take_no_time():
    texts, labels = made_up(5000, 2, length=16)
    start = time.process_time()
    bag_of_words(texts[:4000], labels[:4000], texts[4000:])
    assert time.process_time() - start < 15  # 2 s on a quiet core
