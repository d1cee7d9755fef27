"""names, end to end: what a run folder holds, and its figures against an evaluation without batches."""

import json
import math

import pytest
import torch

import undertow as ut
from undertow.data.embedded import EMBEDDED
from undertow.data.strings import read_strings
from undertow.errors import DataError, SettingError
from undertow.tasks.names import RECIPE, NamesOptions, read_parts
from undertow.tasks.start import rescore

ELEMENTS = read_strings(EMBEDDED["elements"].path, column="name").values


@pytest.fixture
def lists(tmp_path):
    """Three files: 40 names, of which 5 are in the second and 3 in the third; the two share one."""
    parts = {"train": ELEMENTS[:40], "validation": ELEMENTS[35:60], "test": (*ELEMENTS[:3], *ELEMENTS[59:80])}
    for name, values in parts.items():
        (tmp_path / f"{name}.txt").write_text("\n".join(values), encoding="utf-8")
    return {name: str(tmp_path / f"{name}.txt") for name in parts}


def options(**settings):
    return NamesOptions(
        **{"data": ("elements",), "hidden": 8, "embedding": 4, "layers": 1, "batch": 16, **settings}
    )


def spelled(batch, vocabulary):
    return [vocabulary.decode(batch.targets[: n - 1, row].numpy()) for row, n in enumerate(batch.lengths)]


def nats_one_by_one(run, strings):
    """−ln p of each string alone, character by character, by their number."""
    total, units = 0.0, 0
    with torch.no_grad():
        for string in strings:
            said = [*run.vocabulary.encode(string).tolist(), 0]
            state, token = None, 0
            for wanted in said:
                scores, state = run.model(torch.tensor([[token]]), start=state)
                total -= float(torch.log_softmax(scores[0, 0].double(), -1)[wanted])
                token = wanted
            units += len(said)
    return total / units


def test_a_run_folder_is_complete(names_run):
    held = {path.name for path in names_run.path.iterdir()}
    assert held == {"config.json", "history.jsonl", "vocabulary.json", "score.json", "report.html", "figures",
                    "flow", "checkpoints", "best", "last"}  # fmt: skip
    config = json.loads((names_run.path / "config.json").read_text(encoding="utf-8"))
    assert {"format", "recipe", "options", "cell", "parameters", "data", "from", "threads", "products", "created",
            "versions", "machine"} <= set(config)  # fmt: skip
    assert config["options"]["hidden"] == 8
    assert config["options"]["seed"] == 0
    assert [(entry["role"], entry["path"]) for entry in config["data"]] == [("train", "elements")]
    assert config["parameters"] == sum(p.numel() for p in names_run.model.parameters())
    assert {event["event"] for event in names_run.history.events} == {"start", "step", "validation", "end"}
    assert names_run.history.of("validation")[-1]["step"] == 60
    assert sorted({path.suffix for path in (names_run.path / "figures").iterdir()}) == [".png"]
    assert "<html" in (names_run.path / "report.html").read_text(encoding="utf-8")


def test_a_score_holds_what_the_command_promises(names_run):
    score = names_run.score
    assert set(score) == {"recipe", "run", "data", "test", "validation", "baselines", "samples"}
    assert (score["recipe"], score["run"]) == ("names", "elements")
    assert set(score["validation"]) == {"nats_per_char", "bits_per_char", "strings", "characters"}
    assert set(score["test"]) > set(score["validation"])
    assert set(score["baselines"]) == {"uniform", "unigram", "bigram", "trigram", "5-gram"}
    assert score["baselines"]["uniform"]["nats_per_char"] == pytest.approx(
        math.log(names_run.vocabulary.size)
    )
    for part in ("test", "validation"):
        record = score[part]
        assert record["bits_per_char"] == pytest.approx(record["nats_per_char"] / math.log(2))
    samples = score["samples"]
    assert samples["new_share"] + samples["copied_share"] == pytest.approx(1)
    assert (
        sum(samples["histogram"].values()) == samples["count"] == sum(samples["lengths"]["samples"].values())
    )
    assert 900 < samples["count"] <= 1000
    assert all(set(entry) == {"text", "new", "nearest", "distance"} for entry in samples["examples"])
    assert all(entry["new"] == (entry["distance"] > 0) for entry in samples["examples"])


def test_nats_equal_those_of_each_character_read_alone(names_run):
    parts, _ = read_parts(names_run.options)
    for part in ("test", "validation"):
        strings = getattr(parts, part)
        assert names_run.score[part]["nats_per_char"] == pytest.approx(
            nats_one_by_one(names_run, strings), rel=1e-5
        )
        assert names_run.score[part]["strings"] == len(strings)
        assert names_run.score[part]["characters"] == sum(len(string) + 1 for string in strings)


def test_it_learned_something(names_run):
    assert names_run.score["validation"]["nats_per_char"] < math.log(names_run.vocabulary.size) - 0.5


@pytest.mark.parametrize("augment", ["none", "splice", "noise"])
def test_held_out_strings_are_never_trained_on(augment):
    job = RECIPE.prepare(options(augment=augment, augment_share=0.5))
    parts, vocabulary = job.task.parts, job.vocabulary
    held = {*parts.validation, *parts.test}
    assert held.isdisjoint(parts.train)
    assert held | set(parts.train) == set(ELEMENTS)
    for epoch in range(3):
        seen = [string for batch in job.task.batches(epoch, 0) for string in spelled(batch, vocabulary)]
        assert sorted(seen) == sorted(parts.train)  # names of one word cannot be spliced


def test_noise_changes_what_is_read_and_not_what_is_to_be_said():
    job = RECIPE.prepare(options(augment="noise", augment_share=0.5))
    plain = RECIPE.prepare(options())
    for noisy, clean in zip(job.task.batches(2, 0), plain.task.batches(2, 0), strict=True):
        assert torch.equal(noisy.targets, clean.targets)
        assert not torch.equal(noisy.inputs, clean.inputs)


@pytest.mark.parametrize("augment", ["none", "splice", "noise"])
def test_batches_from_the_middle_of_an_epoch_are_the_same(augment, tmp_path):
    (tmp_path / "two.txt").write_text("\n".join(f"{a} {b}" for a in ELEMENTS[:8] for b in ELEMENTS[8:16]))
    task = RECIPE.prepare(
        options(data=(str(tmp_path / "two.txt"),), augment=augment, augment_share=0.5, batch=7)
    ).task
    whole = list(task.batches(3, 0))
    assert len(whole) == task.steps_per_epoch
    later = list(task.batches(3, 4))
    assert all(torch.equal(a.inputs, b.inputs) for a, b in zip(whole[4:], later, strict=True))


def test_files_of_their_own_for_validation_and_test(lists, quick):
    run = ut.train("names", data=lists["train"], validation=lists["validation"], test=lists["test"], hidden=8,
                   embedding=4, layers=1, steps=3, validations=1, out="run")  # fmt: skip
    parts, _ = read_parts(run.options)
    assert parts.validation == ELEMENTS[35:60]
    assert parts.train == ELEMENTS[3:35]
    assert parts.test == (*ELEMENTS[:3], *ELEMENTS[60:80])
    assert [entry["role"] for entry in run.config["data"]] == ["train", "validation", "test"]
    assert run.score["test"]["strings"] == 23


def test_without_a_test_file_there_is_no_test_score(lists, quick):
    run = ut.train("names", data=lists["train"], validation=lists["validation"], hidden=8, embedding=4, layers=1,
                   steps=3, validations=1, out="run")  # fmt: skip
    assert run.score["test"] is None
    assert run.score["baselines"]["bigram"]["nats_per_char"] > 0


@pytest.mark.parametrize(
    ("given", "error", "sentence"),
    [
        ({"test": "test"}, SettingError, "--test FILE goes with --validation FILE"),
        ({"validation": "train"}, DataError, "nothing is left to train on"),
        ({"augment_share": 1.5}, SettingError, "--augment-share must lie from 0 to 1"),
        ({"max_length": 0}, SettingError, "--max-length must be at least 1"),
        ({"data": ()}, SettingError, "--data needs at least one file"),
        ({"column": "name"}, DataError, "have no column 'name'"),
    ],
)
def test_options_that_do_not_go_together(lists, given, error, sentence):
    asked = {
        name: lists.get(value, value) if isinstance(value, str) else value for name, value in given.items()
    }
    with pytest.raises(error, match=sentence):
        RECIPE.prepare(options(**{"data": (lists["train"],), **asked}))


def test_several_files_are_one_list(lists):
    parts, records = read_parts(options(data=(lists["train"], lists["validation"], lists["train"])))
    assert sorted((*parts.train, *parts.validation, *parts.test)) == sorted(ELEMENTS[:60])
    assert len(records) == 3


def test_score_on_another_file(names_run, tmp_path):
    """The same strings in a file give the same figure; nothing is written."""
    parts, _ = read_parts(names_run.options)
    before = (names_run.path / "score.json").read_bytes()
    (tmp_path / "test.txt").write_text("\n".join(parts.test), encoding="utf-8")
    record = names_run.score_on(tmp_path / "test.txt")["test"]
    assert record["nats_per_char"] == pytest.approx(names_run.score["test"]["nats_per_char"], rel=1e-6)
    assert record["strings"] == len(parts.test)
    assert record["skipped"] == 0
    assert (names_run.path / "score.json").read_bytes() == before


def test_score_on_strings_that_the_run_cannot_read(names_run, tmp_path):
    (tmp_path / "odd.txt").write_text("Zinc\nŽirkonijum\nGold\n", encoding="utf-8")
    with pytest.raises(
        DataError, match=r"1 of 3 strings hold characters the run never saw, such as 'Žirkonijum' \(j Ž\)"
    ):
        names_run.score_on(tmp_path / "odd.txt")
    record = names_run.score_on(tmp_path / "odd.txt", skip_bad=True)["test"]
    assert (record["strings"], record["skipped"]) == (2, 1)
    assert record["nats_per_char"] == pytest.approx(nats_one_by_one(names_run, ["Zinc", "Gold"]), rel=1e-5)
    (tmp_path / "none.txt").write_text("ŽŽ\n", encoding="utf-8")
    with pytest.raises(DataError, match="every string holds characters the run never saw"):
        names_run.score_on(tmp_path / "none.txt", skip_bad=True)


def test_scoring_again_gives_the_same(names_run):
    before = (names_run.path / "score.json").read_bytes()
    rescore(names_run)
    assert (names_run.path / "score.json").read_bytes() == before


@pytest.mark.parametrize("prefix", ["", "Ca", "Zirconiu", "aaaaaaaaaaaaaaaa"])
def test_samples_begin_with_their_prefix(names_run, prefix):
    drawn = names_run.sample(30, prefix=prefix, seed=3)
    assert len(drawn) == 30
    assert all(sample.startswith(prefix) for sample in drawn)
    assert len(set(drawn)) > 5
    assert drawn == names_run.sample(30, prefix=prefix, seed=3)
    assert drawn != names_run.sample(30, prefix=prefix, seed=4)


def test_samples_are_as_many_and_as_short_as_asked(names_run, monkeypatch):
    monkeypatch.setattr("undertow.tasks.sampling.TOGETHER", 7)
    drawn = names_run.sample(23, length=4)
    assert len(drawn) == 23
    assert max(map(len, drawn)) == 4
    assert len(set(drawn)) > 10  # groups of seven do not repeat each other


def test_the_likeliest_sample_is_the_argmax_by_hand(names_run):
    said, state, token = "", None, 0
    with torch.no_grad():
        while len(said) < 200:
            scores, state = names_run.model(torch.tensor([[token]]), start=state)
            token = int(scores.argmax())
            if token == 0:
                break
            said += names_run.vocabulary.decode([token])
    assert names_run.sample(2, temperature=0) == [said, said]


@pytest.mark.parametrize(
    ("wrong", "error", "sentence"),
    [
        ({"prefix": "Ží"}, DataError, "'Ž'"),
        ({"temperature": -1}, SettingError, "--temperature"),
        ({"top_k": -1}, SettingError, "--top-k"),
        ({"top_p": 0}, SettingError, "--top-p"),
        ({"count": 0}, SettingError, "-n must lie from 1"),
        ({"length": 0}, SettingError, "--length must be at least 1"),
    ],
)
def test_samples_that_cannot_be(names_run, wrong, error, sentence):
    with pytest.raises(error, match=sentence):
        names_run.sample(**wrong)


def test_inspect_reads_without_training():
    record = RECIPE.inspect(NamesOptions(data=("elements",)))
    assert record["kept"] == 118
    assert record["split"] == {
        name: len(part) for name, part in vars(read_parts(NamesOptions(data=("elements",)))[0]).items()
    }
