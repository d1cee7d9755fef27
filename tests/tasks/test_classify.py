"""classify on tables whose labels follow from their words: it learns, says why, and refuses what it cannot read."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_runs import trained

import undertow as ut
from undertow.errors import DataError, SettingError
from undertow.tasks.classes import Classes, settle
from undertow.tasks.explaining_class import ending_of
from undertow.training.run import open_run

GOOD, BAD, PLAIN = (
    ["fine", "lovely", "bright"],
    ["awful", "dull", "grim"],
    ["film", "day", "was", "it", "the", "a"],
)
SMALL = {"embedding": 12, "hidden": 12, "learning_rate": 0.02, "batch": 16, "dropout": 0.1, "least": 1}


def sentences(count, seed=0):
    """A polar word anywhere among plain ones."""
    rng = np.random.default_rng(seed)
    made = {}
    while len(made) < count:
        label = int(rng.integers(2))
        words = [*rng.choice(PLAIN, int(rng.integers(2, 7))), str(rng.choice((BAD, GOOD)[label]))]
        rng.shuffle(words)
        made[" ".join(words)] = ("bad", "good")[label]
    return made


@pytest.fixture
def table(tmp_path):
    rows = "\n".join(f"{text}\t{label}" for text, label in sentences(400).items())
    (tmp_path / "told.tsv").write_text("text\tlabel\n" + rows + "\n", encoding="utf-8")
    return tmp_path / "told.tsv"


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """A trained run, with its report."""
    folder = tmp_path_factory.mktemp("classify")
    rows = "\n".join(f"{text}\t{label}" for text, label in sentences(400).items())
    (folder / "told.tsv").write_text("text\tlabel\n" + rows + "\n", encoding="utf-8")
    return trained("classify", folder / "run", data=folder / "told.tsv", **{**SMALL, "steps": 150})


def test_it_learns_and_its_score_says_so(told):
    score = told.score
    assert score["classes"] == ["bad", "good"]
    assert score["test"]["accuracy"] >= 0.95
    assert 0.3 < score["baselines"]["majority"]["accuracy"] < 0.7
    assert np.sum(score["test"]["confusion"]) == score["test"]["texts"]
    assert {event["accuracy"] for event in told.history.of("validation")}
    assert set(told.score["test"]) >= {
        "accuracy_interval",
        "macro_f1",
        "nats_per_text",
        "calibration_error",
        "by_class",
    }


def test_its_page_shows_the_classes(told):
    page = (told.path / "report.html").read_text(encoding="utf-8")
    for words in ("told rightly", "Class by class", "What was said", "bag of words", "words in random order"):
        assert words in page
    for name in ("loss", "confusion", "calibration"):
        assert (told.path / "figures" / f"{name}.png").stat().st_size > 5000


@pytest.mark.parametrize("settings", [
    {"pooling": "last"}, {"pooling": "mean"}, {"pooling": "attention"}, {"directions": 1}, {"cell": "gru"},
    {"units": "characters", "steps": 400}, {"encoder": "self-attention", "embedding": 16},
    {"class_weights": "balanced"}, {"keep": "accuracy"},
], ids=str)  # fmt: skip
def test_every_way_to_wire_it_learns(table, quick, settings):
    given = {**SMALL, "steps": 200, "watch": 0, "doctor": False, **settings}
    if "encoder" in settings:
        del given["hidden"]
    run = ut.train("classify", out="run", data=table, **given)
    assert run.score["validation"]["accuracy"] >= 0.9


def test_predictions_are_of_the_texts_in_their_order(told):
    found = told.predict(["the day was lovely", "a grim film", "it was xyzzy"])
    assert [answer["label"] for answer in found[:2]] == ["good", "bad"]
    assert [answer["unknown"] for answer in found] == [0, 0, 1]
    for answer in found:
        assert sum(answer["probabilities"].values()) == pytest.approx(1)
        assert answer["p"] == max(answer["probabilities"].values())
    assert told.predict(["a grim film"])[0]["p"] == pytest.approx(found[1]["p"], abs=1e-6)
    assert told.predict([""])[0]["unknown"] == 1
    assert told.predict("a grim film") == told.predict(["a grim film"])
    assert told.predict([]) == []
    for strange, said in (
        ([Path("a.txt")], "input 1 must be a text, got PosixPath"),
        (["a", 3], "input 2 must be a text, got int '3'"),
        (3, "a list of inputs, got int"),
        (b"ab", "a list of inputs, got bytes"),
    ):
        with pytest.raises(SettingError, match=said):
            told.predict(strange)


def test_contributions_sum_to_the_whole_and_fall_on_the_word_that_decides(told):
    found = told.explain("the day was lovely and it was")
    assert found.label == "good"
    assert sum(found.contributions) == pytest.approx(found.log_p - found.without, rel=0.02)
    assert found.units[int(np.argmax(found.contributions))] == "lovely"
    other = told.explain("the day was lovely and it was", label="bad")
    assert other.log_p < found.log_p
    assert sum(found.pooled) == pytest.approx(1, abs=1e-5)


def test_occlusion_is_what_leaving_a_word_out_does(told):
    text = "a grim film"
    found = told.explain(text, method="occlusion")
    tokens = torch.from_numpy(told.vocabulary.tokens.encode(text))[:, None]
    with torch.no_grad():
        x = told.model.embedding(tokens)
        whole = torch.log_softmax(told.model.read(x).scores[0].double(), -1)
        number = told.vocabulary.classes.names.index(found.label)
        for step in range(3):
            blank = x.clone()
            blank[step] = 0
            left = torch.log_softmax(told.model.read(blank).scores[0].double(), -1)
            assert found.contributions[step] == pytest.approx(float(whole[number] - left[number]), abs=1e-5)


class Ends:
    """A network that reads nothing but the last word."""

    def __init__(self, good):
        self.good = good

    def __call__(self, tokens, lengths):
        last = int(tokens[int(lengths[0]) - 1, 0])
        score = 3.0 if last in self.good else -3.0
        return type("Read", (), {"scores": torch.tensor([[-score, score]])})()


def test_an_ending_that_decides_alone_is_named(told):
    names = told.vocabulary.tokens.names
    model = Ends({names.index(word) for word in GOOD})
    found = ending_of(model, told.vocabulary, "The day was awful. It was dull. The film was bright")
    assert found.decided_alone
    assert (found.text, found.label, found.label_before) == ("The film was bright", "good", "bad")
    same = ending_of(model, told.vocabulary, "The day was fine\nIt was bright")
    assert not same.decided_alone
    assert ending_of(model, told.vocabulary, "fine") is None


def test_a_row_that_is_held_out_is_not_trained_on(table, quick, tmp_path):
    rows = list(sentences(400).items())
    lines = "\n".join(f"{text}\t{label}" for text, label in rows[:40])
    (tmp_path / "held.tsv").write_text("text\tlabel\n" + lines + "\n", encoding="utf-8")
    run = trained("classify", "run", data=table, validation=tmp_path / "held.tsv", **{**SMALL, "steps": 3})
    assert run.score["validation"]["texts"] == 40
    assert run.score["test"] is None
    from undertow.tasks.labelled_parts import read_parts

    parts = read_parts(run.options)
    assert parts.leaked == 40
    assert run.config["remarks"] == [
        "40 texts of --data are in the validation or test part as well: they are not trained on."
    ]
    assert not set(parts.train.texts) & set(parts.validation.texts)


def test_another_file_is_scored_and_a_strange_label_is_said(told, tmp_path):
    path = tmp_path / "other.jsonl"
    rows = [{"text": "a lovely day", "label": "good"}, {"text": "a grim day", "label": "odd"}]
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    with pytest.raises(
        DataError, match=r"other\.jsonl: 1 rows have labels that no training row has, such as 'odd'"
    ):
        told.score_on(path)
    found = told.score_on(path, skip_bad=True)
    assert (found["test"]["texts"], found["test"]["skipped"]) == (1, 1)


def test_another_file_is_read_as_it_is_asked_to_be(told, tmp_path):
    rows = list(sentences(20, seed=5).items())
    (tmp_path / "bare.tsv").write_text("".join(f"{la}\t{text}\n" for text, la in rows), encoding="utf-8")
    found = told.score_on(tmp_path / "bare.tsv", no_header=True, label="1", text="2")
    assert found["test"]["texts"] == 20
    with pytest.raises(SettingError, match="no option 'labl'"):
        told.score_on(tmp_path / "bare.tsv", labl="1")
    with pytest.raises(SettingError, match="One file at a time"):
        told.score_on(tmp_path / "bare.tsv", tmp_path / "bare.tsv")


def test_files_that_are_held_out_are_compared(table, quick, tmp_path):
    rows = list(sentences(30, seed=9).items())
    for name, part in (("held.tsv", rows[:20]), ("test.tsv", rows[10:])):
        lines = "".join(f"{text}\t{label}\n" for text, label in part)
        (tmp_path / name).write_text("text\tlabel\n" + lines, encoding="utf-8")
    files = {"validation": tmp_path / "held.tsv", "test": tmp_path / "test.tsv"}
    run = trained("classify", "run", data=table, **files, **{**SMALL, "steps": 2})
    assert any(
        said.startswith("10 texts are in the validation file and in the test")
        for said in run.config["remarks"]
    )
    (tmp_path / "test.tsv").write_text("text\tlabel\na fine day\tgood\na grim day\todd\n", encoding="utf-8")
    with pytest.raises(
        DataError, match=r"test\.tsv: 1 rows have labels that no training row has, such as 'odd'"
    ):
        trained("classify", "other", data=table, **files, **{**SMALL, "steps": 2})
    assert not (tmp_path / "other").exists()
    run = trained("classify", "other", data=table, **files, skip_bad=True, **{**SMALL, "steps": 2})
    assert any(
        "left out: no training row has their label, such as 'odd'" in said for said in run.config["remarks"]
    )
    assert run.score["test"]["texts"] == 1


def test_phrases_need_a_file_to_stop_by(tmp_path):
    (tmp_path / "a.ptb").write_text("(1 (0 not) (1 good))\n" * 20)
    with pytest.raises(SettingError, match="--phrases goes with --validation"):
        trained("classify", "run", data=tmp_path / "a.ptb", phrases=True, **SMALL)


def test_what_it_cannot_do_is_said(told):
    with pytest.raises(
        SettingError, match=r"A run of classify cannot sample. It can: `undertow predict RUN`, "
    ):
        told.sample(3)
    with pytest.raises(SettingError, match="tells labels, not characters"):
        told.explain("a film", next="x")
    with pytest.raises(SettingError, match=r"There is no label 'great'\. Labels: bad, good"):
        told.explain("a film", label="great")
    with pytest.raises(DataError, match="at least one word"):
        told.explain("  ")


def test_one_class_is_refused(tmp_path, quick):
    (tmp_path / "one.csv").write_text("text,label\n" + "\n".join(f"word{n} here,same" for n in range(30)))
    with pytest.raises(DataError, match="Every training text has the label 'same'"):
        trained("classify", "run", data=tmp_path / "one.csv")
    assert not (tmp_path / "run").exists()


def test_levels_cut_numbers_into_classes_of_equal_size(tmp_path, quick):
    rng = np.random.default_rng(0)
    values = rng.normal(size=200)
    classes = settle([str(v) for v in values], levels=4)
    counts = np.bincount([classes.number(str(v)) for v in values])
    assert counts.tolist() == [50, 50, 50, 50]
    assert classes.number("-99") == 0
    assert classes.number("99") == 3
    assert classes.known(["1.5", "high"]) == [True, False]
    with pytest.raises(DataError, match="'high' is none"):
        settle(["1", "high"], levels=2)
    with pytest.raises(DataError, match="too few different numbers for 3 levels"):
        settle(["1", "2"] * 10, levels=3)


def test_labels_are_merged_and_others_left_out(tmp_path, quick):
    classes = settle(list("01234"), merge=["negative=0,1", "positive=3,4"])
    assert classes.names == ("negative", "positive")
    assert [classes.number(label) for label in "0134"] == [0, 0, 1, 1]
    assert classes.known(list("01234")) == [True, True, False, True, True]
    for wrong, said in (
        ("negative", "takes CLASS=LABEL"),
        ("a=7", "no training row has the label '7'"),
        ("b=0,0", "given twice"),
    ):
        with pytest.raises(SettingError, match=said):
            settle(list("01234"), merge=[wrong])


def test_numbers_are_put_in_order_before_words():
    assert settle(["10", "9", "b", "a", "-1"]).names == ("-1", "9", "10", "a", "b")


def test_a_vocabulary_comes_back(told):
    from undertow.tasks.classes import Reader

    reader = told.vocabulary
    assert Reader.from_json(json.loads(json.dumps(reader.to_json()))) == reader
    with pytest.raises(DataError, match="Update undertow"):
        Reader.from_json({"format": 99})
    assert Classes(("low", "high"), cuts=(0.5,)).number("0.7") == 1


def test_a_killed_run_goes_on_exactly(table, quick):
    from undertow.tasks.start import resume

    settings = {**SMALL, "steps": 12, "validations": 3, "doctor": False, "watch": 0}
    whole = trained("classify", "whole", data=table, **settings)
    part = trained("classify", "part", data=table, **settings)
    saved = sorted((part.path / "checkpoints").glob("*.state"))
    assert saved
    again = resume(part.path)
    for (key, one), (_, other) in zip(
        whole.model.state_dict().items(), again.model.state_dict().items(), strict=True
    ):
        assert torch.equal(one, other), key


def test_another_runs_words_and_classes_find_their_rows(told, table, quick):
    run = trained(
        "classify", "run", data=table, start_from=told.path, **{**SMALL, "steps": 1, "validations": 1}
    )
    assert open_run(run.path).config["from"] == str(told.path)
    assert run.score["validation"]["accuracy"] >= 0.9


def test_shuffled_words_keep_their_texts(table, quick):
    run = trained("classify", "run", data=table, shuffle_words=True, **{**SMALL, "steps": 3})
    plain = trained("classify", "plain", data=table, **{**SMALL, "steps": 3})
    for one, other in itertools.islice(
        zip(
            run.recipe.prepare(run.options).task.train.rows,
            plain.recipe.prepare(plain.options).task.train.rows,
            strict=True,
        ),
        50,
    ):
        assert sorted(one) == sorted(other)


def test_what_is_explained_is_what_is_read(table, quick):
    run = trained("classify", "run", data=table, longest=3, **{**SMALL, "steps": 30})
    text = "the day was it a film lovely"
    found = run.explain(text)
    assert found.units == ("a", "film", "lovely")
    assert np.exp(found.log_p) == pytest.approx(run.predict([text])[0]["p"], abs=1e-6)


def test_half_a_character_is_refused(told):
    for use in (lambda text: told.predict([text]), told.explain):
        with pytest.raises(DataError, match="is not UTF-8"):
            use("caf\udce9")


def test_a_dollar_sign_is_drawn_as_it_is(tmp_path):
    rows = "\n".join(f"win $$ now{n}\t$^{{$" if n % 2 else f"a quiet day{n}\t$$" for n in range(80))
    (tmp_path / "money.tsv").write_text("text\tlabel\n" + rows + "\n", encoding="utf-8")
    run = trained("classify", tmp_path / "run", data=tmp_path / "money.tsv", **{**SMALL, "steps": 5})
    assert (run.path / "figures" / "confusion.png").exists()
    assert run.explain("win $$ now").picture().get_figwidth() > 4


def test_self_attention_and_trees_start_from_another_run(table, quick):
    small = {**SMALL, "embedding": 8, "encoder": "self-attention", "steps": 2, "validations": 1}
    del small["hidden"]
    first = ut.train("classify", out="first", data=table, **small)
    again = ut.train("classify", out="again", data=table, start_from=first.path, **small)
    assert again.config["from"] == str(first.path)


def test_vectors_that_tell_nothing_apart_are_refused(table, quick, tmp_path):
    (tmp_path / "same.txt").write_text("".join(f"{word} 0.0 0.0 0.0\n" for word in GOOD + BAD + PLAIN))
    with pytest.raises(DataError, match="all its numbers are the same"):
        trained("classify", "run", data=table, vectors=str(tmp_path / "same.txt"), **SMALL)


def test_a_new_word_is_known_by_its_vector(table, quick, tmp_path):
    rng = np.random.default_rng(0)
    drawn = {word: rng.normal(size=8) for word in GOOD + BAD + PLAIN}
    drawn |= {"superb": drawn["fine"] + 0.01, "ghastly": drawn["awful"] + 0.01}
    file = tmp_path / "glove.txt"
    file.write_text("".join(f"{word} {' '.join(f'{v:.4f}' for v in of)}\n" for word, of in drawn.items()))
    settings = {**SMALL, "steps": 250, "vectors": str(file), "fixed_vectors": True}
    run = trained("classify", "run", data=table, **settings)
    assert "superb" not in run.vocabulary.tokens.names
    assert run.config["remarks"][-1].endswith("vectors of 8 numbers for 100.0% of 12 words.")
    [record] = [one for one in run.config["data"] if one["role"] == "vectors"]
    assert record["sha256"] == run.vocabulary.vectors.sha256
    size = run.model.embedding.num_embeddings
    good, bad = run.predict(["the day was superb", "the day was ghastly"])
    assert (good["label"], good["unknown"], bad["label"]) == ("good", 0, "bad")
    assert run.explain("the day was superb").label == "good"
    same = torch.tensor(run.predict(["the day was fine"])[0]["p"])
    assert abs(good["p"] - same) < 0.02
    assert run.model.embedding.num_embeddings == size
    file.write_text(file.read_text() + "more " + "0.5 " * 8 + "\n")
    assert run.predict(["the day was superb"])[0]["unknown"] == 1
    file.unlink()
    assert run.predict(["the day was superb"])[0]["unknown"] == 1


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            {"encoder": "self-attention", "hidden": 40},
            "--hidden goes with --encoder recurrent; this run reads by self",
        ),
        ({"encoder": "self-attention", "directions": 1}, "--directions goes with --encoder recurrent"),
        ({"heads": 2}, "--heads goes with --encoder self-attention; this run reads by recurrent"),
        ({"encoder": "self-attention", "heads": 5}, "--heads must divide --embedding, 128; got 5 heads"),
    ],
)
def test_options_of_what_is_not_there_are_refused(table, quick, given, told):
    with pytest.raises(SettingError, match=told):
        ut.train("classify", out="run", data=table, **given)


def test_levels_that_would_be_empty_are_refused_and_cuts_are_told_apart():
    with pytest.raises(DataError, match="too few different numbers for 3 levels"):
        settle([*["0"] * 8, "1", "2"], levels=3)
    close = [str(1.0000001 + n * 1e-7) for n in range(9)]
    assert len(set(settle(close, levels=3).names)) == 3
    found = settle([str(n) for n in range(10)], levels=2)
    assert found.names == ("lowest to 4.5", "4.5 to highest")


def test_the_advice_is_not_what_was_done():
    from undertow.tasks.explaining_class import Ending, _told

    alone = Ending("at last", "good", 0.9, "bad", 0.8, True)
    assert "--pooling mean or --pooling attention" in _told(alone, "last")[0]
    assert "train with --pooling mean, compare" in _told(alone, "attention")[0]
