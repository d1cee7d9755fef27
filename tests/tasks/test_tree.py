"""tree on phrases whose labels follow from their parts: "not" turns what stands beside it."""

import json

import numpy as np
import pytest
import torch

from undertow.data.trees import trees_in
from undertow.errors import DataError, SettingError
from undertow.tasks.tree import NONE, grove

WORDS = {"good": 2, "bad": 0, "it": 1, "film": 1}
SMALL = {"embedding": 10, "hidden": 16, "learning_rate": 0.02, "batch": 16, "dropout": 0.0, "word_dropout": 0.0,
         "least": 1, "steps": 200, "validations": 5}  # fmt: skip


def phrase(rng, depth):
    """A label and brackets."""
    if depth == 0 or rng.random() < 0.3:
        word = str(rng.choice(list(WORDS)))
        return WORDS[word], f"({WORDS[word]} {word})"
    if rng.random() < 0.35:
        label, told = phrase(rng, depth - 1)
        return 2 - label, f"({2 - label} (1 not) {told})"
    (one, left), (two, right) = phrase(rng, depth - 1), phrase(rng, depth - 1)
    label = int(np.clip(one + two - 1, 0, 2))
    return label, f"({label} {left} {right})"


def lines(count, seed=0):
    rng = np.random.default_rng(seed)
    made = {}
    while len(made) < count:
        told = phrase(rng, 4)[1]
        made[trees_in(told)[0].text] = told
    return list(made.values())


@pytest.fixture
def file(tmp_path):
    (tmp_path / "trees.ptb").write_text("\n".join(lines(300)) + "\n", encoding="utf-8")
    return tmp_path / "trees.ptb"


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tree")
    (folder / "trees.ptb").write_text("\n".join(lines(300)) + "\n", encoding="utf-8")
    return run(folder)


def run(folder, **settings):
    import undertow as ut

    return ut.train("tree", data=folder / "trees.ptb", out=folder / "run", **{**SMALL, **settings})


def test_it_learns_what_not_does(told):
    score = told.score
    assert score["test"]["accuracy"] >= 0.9
    assert score["test"]["node_accuracy"] >= 0.95
    assert score["baselines"]["bag of words"]["accuracy"] < score["test"]["accuracy"]
    found = told.predict(["(2 (1 not) (0 bad))", "(0 (1 not) (2 good))"])
    assert [answer["label"] for answer in found] == ["2", "0"]


def test_every_phrase_is_told_and_drawn(told):
    found = told.explain("(0 (1 it) (0 (1 not) (2 good)))")
    assert [p.text for p in found.phrases] == ["it", "not", "good", "not good", "it not good"]
    assert found.units == ("it", "not", "good")
    assert len(found.contributions) == 3
    assert {p.label for p in found.phrases} <= {"0", "1", "2"}
    assert any("not good" in note for note in found.notes)
    assert found.picture().get_figwidth() > 4
    page = (told.path / "report.html").read_text(encoding="utf-8")
    assert "Phrase by phrase" in page


def test_contributions_are_what_leaving_a_word_out_does(told):
    found = told.explain("(0 (1 not) (2 good))")
    tree = trees_in("(0 (1 not) (2 good))")[0]
    batch = grove([tree], told.vocabulary).batch([0])
    with torch.no_grad():
        x = told.model.embedding(batch.words)
        x[0] = 0
        left = torch.log_softmax(told.model.readout(told.model.read(x, batch.trees).h)[-1].double(), -1)
    number = told.vocabulary.classes.names.index(found.label)
    assert found.contributions[0] == pytest.approx(found.log_p - float(left[number]), abs=1e-6)


@pytest.mark.parametrize("cell", ["child-sum", "recursive"])
def test_every_cell_learns(file, quick, cell, tmp_path):
    import undertow as ut

    found = ut.train("tree", data=file, out="run", cell=cell, **{**SMALL, "doctor": False, "watch": 0})
    assert found.score["validation"]["node_accuracy"] >= 0.8


def test_labels_that_have_no_class_are_left_out(file, quick):
    import undertow as ut

    found = ut.train("tree", data=file, out="run", merge=("low=0", "high=2"), **{**SMALL, "steps": 5})
    assert found.score["classes"] == ["low", "high"]
    part = grove(trees_in("(1 (0 bad) (2 good))"), found.vocabulary)
    assert part.labels[0].tolist() == [0, 1, NONE]
    assert len(part.rooted) == 0


def test_a_batch_is_its_trees_one_after_another(told):
    trees = [trees_in(line)[0] for line in lines(6, seed=5)]
    part = grove(trees, told.vocabulary)
    batch = part.batch(range(6))
    with torch.no_grad():
        whole = told.model(batch.words, batch.trees)
        alone = torch.cat([told.model(one.words, one.trees) for one in (part.batch([n]) for n in range(6))])
    torch.testing.assert_close(whole, alone, rtol=1e-5, atol=1e-6)
    assert batch.labels[batch.roots].tolist() == [int(labels[-1]) for labels in part.labels]


def test_bad_trees_are_said_with_their_line_or_counted(tmp_path, quick):
    import undertow as ut

    good = lines(40)
    (tmp_path / "bad.ptb").write_text("\n".join([*good[:20], "(2 (1 it) (2 good)", *good[20:]]) + "\n")
    with pytest.raises(DataError, match=r"bad\.ptb.*line 21"):
        ut.train("tree", data=tmp_path / "bad.ptb", out="run", **SMALL)
    found = ut.train("tree", data=tmp_path / "bad.ptb", out="run", skip_bad=True, **{**SMALL, "steps": 2})
    assert found.config["data"][0]["skipped"] == 1


def test_too_many_children_are_said_before_training(tmp_path, quick):
    import undertow as ut

    good = lines(40)
    (tmp_path / "wide.ptb").write_text("\n".join([*good, "(2 (1 a) (1 b) (2 c))"]) + "\n")
    with pytest.raises(
        DataError, match=r"wide\.ptb, line 41: a node has 3 children, and the cell has places for 2"
    ):
        ut.train("tree", data=tmp_path / "wide.ptb", out="run", **SMALL)
    assert not (tmp_path / "run").exists()
    found = ut.train("tree", data=tmp_path / "wide.ptb", out="run", skip_bad=True, **{**SMALL, "steps": 2})
    assert found.config["data"][0]["skipped"] == 1
    ut.train("tree", data=tmp_path / "wide.ptb", out="any", cell="child-sum", **{**SMALL, "steps": 2})


def test_what_is_asked_of_a_tree(told):
    with pytest.raises(DataError, match="holds no tree"):
        told.predict([""])
    with pytest.raises(DataError):
        told.predict(["no brackets"])
    with pytest.raises(SettingError, match="There is no label '9'"):
        told.explain("(2 good)", label="9")


def test_what_is_understood_of_a_file(file):
    from undertow.tasks.tree import RECIPE
    from undertow.tasks.tree_options import TreeOptions

    record = RECIPE.inspect(TreeOptions(data=(str(file),)))
    assert record["kept"] == 300
    assert record["most_children"] == 2
    assert set(record["root_labels"]) <= {"0", "1", "2"}
    assert json.dumps(record)


def test_a_tree_an_input_and_a_method_it_has(told):
    with pytest.raises(DataError, match="input 2 holds 2 trees"):
        told.predict(["(2 good)", "(2 good) (0 bad)"])
    with pytest.raises(SettingError, match="--method integrated: this run explains by occlusion"):
        told.explain("(2 good)", method="integrated")
    assert told.explain("(2 good)", method="occlusion").contributions


def test_brackets_without_a_label_around_a_tree(told, quick, tmp_path):
    import undertow as ut

    assert (
        told.predict(["((2 (1 it) (2 good)))"])[0]["label"]
        == told.predict(["(2 (1 it) (2 good))"])[0]["label"]
    )
    (tmp_path / "bare.ptb").write_text("\n".join(f"({one})" for one in lines(40)) + "\n")
    found = ut.train("tree", data=tmp_path / "bare.ptb", out="run", **{**SMALL, "steps": 2})
    assert found.score["test"]["texts"] > 0


def test_one_class_and_a_network_that_does_not_fit_are_refused(file, quick):
    import undertow as ut

    with pytest.raises(DataError, match="Every training text has the label 'all'"):
        ut.train("tree", data=file, out="run", merge=("all=0,1,2",), **SMALL)
    with pytest.raises(SettingError, match="needs about"):
        ut.train("tree", data=file, out="run", **{**SMALL, "hidden": 1_000_000})
