"""translate on pairs that follow a rule: every decoder learns to copy and to turn round; unknown words are copied."""

import json

import numpy as np
import pytest
import torch

import undertow as ut
from undertow.data.batches import PADDING
from undertow.errors import DataError, SettingError
from undertow.tasks.bleu import bleu
from undertow.tasks.pair_parts import PairFiles, read_pair_parts
from undertow.tasks.translate import encoded
from undertow.tasks.translate_options import TranslateOptions
from undertow.wiring.beam import Beam

LETTERS = list("abcdefgh")
SMALL = {"embedding": 24, "hidden": 32, "learning_rate": 0.01, "batch": 32, "dropout": 0.0, "smoothing": 0.0,
         "least": 1, "validations": 4, "doctor": False, "watch": 0, "longest": 12}  # fmt: skip


def made(count, turn, seed=0):
    rng = np.random.default_rng(seed)
    rows = {}
    while len(rows) < count:
        words = list(rng.permutation(LETTERS)[: int(rng.integers(2, 7))])
        rows[" ".join(words)] = " ".join(words[::-1] if turn else words)
    return rows


def written(folder, rows, name="pairs.tsv"):
    text = "".join(f"{a}\t{b}\n" for a, b in rows.items())
    (folder / name).write_text("source\ttarget\n" + text, encoding="utf-8")
    return folder / name


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    folder = tmp_path_factory.mktemp("translate")
    return ut.train(
        "translate",
        data=written(folder, made(900, turn=True)),
        out=folder / "run",
        cell="gru",
        **{**SMALL, "steps": 500},
    )


def test_it_learns_to_turn_round(told):
    rows = made(60, turn=True, seed=7)
    assert [a["translation"] for a in told.predict(list(rows))] == list(rows.values())
    assert told.score["test"]["beam"]["cased"] > 95


@pytest.mark.parametrize("attention", ["additive", "multiplicative"])
@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_each_decoder_learns_to_copy(tmp_path, quick, attention, cell):
    data = written(tmp_path, made(3000, turn=False))
    run = ut.train(
        "translate", data=data, out="run", cell=cell, attention=attention, **{**SMALL, "steps": 900}
    )
    rows = made(60, turn=False, seed=7)
    assert [a["translation"] for a in run.predict(list(rows))] == list(rows.values())


def test_what_was_looked_at_sums_to_one_and_follows_the_rule(told):
    found = told.explain("a b c d e")
    assert found.read == tuple("abcde")
    assert found.written == (*"edcba", "(end)")
    for row in found.shares:
        assert sum(row) == pytest.approx(1, abs=1e-4)
    assert [int(np.argmax(row)) for row in found.shares[:5]] == [4, 3, 2, 1, 0]
    assert found.picture().get_figwidth() > 3


def test_unknown_words_are_copied_by_attention(tmp_path, quick):
    """Rare words become unknown; where the unknown word is written, what was looked at is put."""
    rng = np.random.default_rng(3)
    rows = {}
    for n in range(900):
        words = list(rng.permutation(LETTERS)[:4])
        words[int(rng.integers(4))] = f"name{n}"
        rows[" ".join(words)] = " ".join(words)
    run = ut.train(
        "translate",
        data=written(tmp_path, rows),
        out="run",
        cell="gru",
        **{**SMALL, "least": 2, "steps": 900},
    )
    found = run.predict(["a zebra b c"])[0]
    assert found["copied"] == 1
    assert found["translation"] == "a zebra b c"


def test_its_page_shows_translations_and_maps(told):
    page = (told.path / "report.html").read_text(encoding="utf-8")
    assert "Translations" in page
    assert "BLEU" in page
    assert (told.path / "figures" / "attention_1.png").stat().st_size > 3000


def test_pairs_side_by_side(told):
    part = encoded(["a b", "c"], ["b a", "c"], told.vocabulary)
    batch = part.batch([0, 1])
    assert batch.source.shape == (2, 2)
    assert batch.lengths.tolist() == [2, 1]
    assert batch.given[0].tolist() == [0, 0]
    assert batch.wanted[:, 1].tolist() == [int(part.targets[1][0]), 0, PADDING]


def test_batches_hold_every_pair_once(told):
    task = told.recipe.prepare(told.options).task
    seen = [tuple(column.tolist()) for batch in task.batches(0, 0) for column in batch.given.T]
    assert len(seen) == len(task.train.sources)
    again = [b.source for b in task.batches(0, 3)]
    assert torch.equal(again[0], list(task.batches(0, 0))[3].source)


def test_all_translations_of_a_text_stand_in_one_part(tmp_path):
    rows = "".join(f"word{n // 3} here\tmot{n} ici\n" for n in range(300))
    (tmp_path / "p.tsv").write_text("source\ttarget\n" + rows, encoding="utf-8")
    parts = read_pair_parts(PairFiles(data=(str(tmp_path / "p.tsv"),)))
    sets = [set(part.sources) for part in (parts.train, parts.validation, parts.test)]
    assert not sets[0] & sets[1]
    assert not sets[0] & sets[2]
    assert not sets[1] & sets[2]
    assert sum(len(part.sources) for part in (parts.train, parts.validation, parts.test)) == 300


def test_bleu_is_sacrebleus():
    from sacrebleu.metrics import BLEU

    said, true = ["the Cat sat on the mat .", "a dog"], ["the cat sat on the mat.", "a big dog ran"]
    found = bleu(said, true)
    assert found["cased"] == BLEU().corpus_score(said, [true]).score
    assert found["lower_cased"] == BLEU(lowercase=True).corpus_score(said, [true]).score
    assert "tok:13a" in found["cased_signature"]


def test_files_of_unequal_lengths_and_too_many_files_are_refused(tmp_path, quick):
    (tmp_path / "a.de").write_text("eins\nzwei\n")
    (tmp_path / "a.en").write_text("one\n")
    with pytest.raises(DataError, match="2"):
        ut.train("translate", data=("a.de", "a.en"), out="run")
    with pytest.raises(SettingError, match="two files of lines; got 3"):
        ut.train("translate", data=("a.de", "a.en", "b"), out="run")
    assert not (tmp_path / "run").exists()


def test_a_wide_beam_is_not_worse_than_a_narrow_one(told):
    from undertow.tasks.translating import translate

    texts = list(made(30, turn=True, seed=9))
    narrow = translate(told.model, told.vocabulary, texts, Beam(1, 0.0, 12))
    wide = translate(told.model, told.vocabulary, texts, Beam(8, 0.0, 12))
    assert all(w.score >= n.score - 1e-4 for w, n in zip(wide, narrow, strict=True))


def test_a_vocabulary_comes_back(told):
    from undertow.tasks.languages import Languages

    assert Languages.from_json(json.loads(json.dumps(told.vocabulary.to_json()))) == told.vocabulary
    assert TranslateOptions(data=("x",)).how.width == 5


def test_long_texts_stand_alone_and_are_read_to_a_limit(told):
    from undertow.tasks.translating import READ, UNITS, beside

    lengths = [3] * 250 + [900] * 30 + [UNITS + 1]
    parts = list(beside(lengths))
    assert sorted(n for part in parts for n in part) == list(range(len(lengths)))
    assert all(len(part) == 1 or max(lengths[n] for n in part) * len(part) <= UNITS for part in parts)
    long = "one two three " * READ
    found = told.explain(long)
    assert (found.left, len(found.read)) == (2 * READ, READ)
    assert "The last 2,000 units were not read." in found.notes


def test_what_was_looked_at_has_no_method(told):
    with pytest.raises(SettingError, match="explains by what it looked at, without a method"):
        told.explain("one two", method="occlusion")


def test_a_network_that_does_not_fit_is_refused(tmp_path, quick):
    (tmp_path / "p.tsv").write_text("source\ttarget\n" + "".join(f"a{n} b\tb a{n}\n" for n in range(60)))
    with pytest.raises(SettingError, match="needs about"):
        ut.train("translate", data="p.tsv", out="run", hidden=1_000_000)


def test_the_loss_is_torchs_smoothed_one_and_tells_the_plain_one(told):
    from undertow.tasks.start import prepared

    task = prepared(told).task
    batch = task.train.batch(range(12))
    task.model.eval()
    scores, _ = task.model(batch.source, batch.given, batch.lengths)
    for share, found in ((0.0, "told"), (task.options.smoothing, "loss")):
        theirs = torch.nn.functional.cross_entropy(
            scores.flatten(0, 1), batch.wanted.flatten(), ignore_index=-100, label_smoothing=share
        )
        torch.testing.assert_close(getattr(task.loss(batch, []), found), theirs)
