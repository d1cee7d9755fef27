"""Starting from another run's weights: what is taken over, by character, and what is refused."""

from types import SimpleNamespace

import pytest
import torch
from tiny_runs import trained

import undertow as ut
from undertow.errors import RunError
from undertow.tasks.borrow import borrow
from undertow.tasks.names import RECIPE, NamesOptions
from undertow.tasks.text import RECIPE as TEXT
from undertow.training.run import open_run

SMALL = {"hidden": 8, "layers": 1, "embedding": 5}


@pytest.fixture
def letters(tmp_path):
    """Names with characters that the elements lack, and without most of theirs."""
    (tmp_path / "letters.txt").write_text(
        "\n".join(f"a{c}ž{d}" for c in "bcd" for d in "efgh"), encoding="utf-8"
    )
    return str(tmp_path / "letters.txt")


def fresh(data, **settings):
    torch.manual_seed(5)
    return RECIPE.prepare(NamesOptions(data=(data,), **{**SMALL, **settings}))


def row(model, vocabulary, character, name="embedding.weight"):
    index = int(vocabulary.encode(character)[0]) if character else 0
    return model.state_dict()[name][index].clone()


def test_weights_are_taken_over_and_rows_matched_by_character(names_run, letters):
    job = fresh(letters)
    before = {key: value.clone() for key, value in job.model.state_dict().items()}
    said = borrow(job, RECIPE, names_run.path)
    shared = [c for c in job.vocabulary.characters if c in names_run.vocabulary.characters]
    new = [c for c in job.vocabulary.characters if c not in names_run.vocabulary.characters]
    assert said == f"Starting from {names_run.path}: {len(shared) + 1} tokens known to it, {len(new)} new."
    assert new == ["ž"]
    for key, theirs in names_run.model.state_dict().items():
        if key in ("embedding.weight", "readout.weight", "readout.bias"):
            for character in ["", *shared]:
                assert torch.equal(
                    row(job.model, job.vocabulary, character, key),
                    row(names_run.model, names_run.vocabulary, character, key),
                )
            index = int(job.vocabulary.encode("ž")[0])
            assert torch.equal(job.model.state_dict()[key][index], before[key][index])
        else:
            assert torch.equal(job.model.state_dict()[key], theirs)


def test_it_starts_where_the_other_ended(names_run):
    """On the same list with the same characters the first validation is the other's last best."""
    job = fresh("elements")
    borrow(job, RECIPE, names_run.path)
    job.model.eval()
    assert job.task.validate().value == pytest.approx(
        names_run.score["validation"]["nats_per_char"], rel=1e-6
    )


def test_a_run_remembers_what_it_started_from(names_run, letters, quick):
    run = trained("names", "run", data=letters, start_from=names_run.path, steps=2, validations=1)
    assert run.config["from"] == str(names_run.path)
    plain = trained("names", "plain", data=letters, steps=2, validations=1)
    assert not torch.equal(run.model.recurrent.weights(0).h, plain.model.recurrent.weights(0).h)


@pytest.mark.parametrize(
    "other",
    [
        {"hidden": 9},
        {"embedding": 6},
        {"layers": 2},
        {"cell": "gru"},
        {"cell": "peephole_lstm"},
        {"cell": "coupled_lstm"},
    ],
    ids=str,
)
def test_another_network_is_refused_and_nothing_is_written(names_run, letters, quick, tmp_path, other):
    with pytest.raises(
        RunError, match=r"--from .*elements.*Give the same --cell, --hidden, --layers and --embedding"
    ):
        trained("names", "run", data=letters, start_from=names_run.path, **other)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ({"layers": 2}, {"layers": 1}),  # every tensor that is asked for is there
        ({"cell": "peephole_lstm"}, {"cell": "lstm"}),
        ({"cell": "residual_rnn"}, {"cell": "rnn"}),  # the same tensors, another meaning
    ],
    ids=str,
)
def test_a_network_that_only_seems_to_fit_is_refused(letters, quick, theirs, ours):
    trained("names", "theirs", data="elements", steps=1, validations=1, **theirs)
    with pytest.raises(RunError, match="Give the same --cell, --hidden, --layers and --embedding"):
        trained("names", "ours", data=letters, start_from="theirs", **ours)


def test_the_same_cell_in_another_spelling_is_taken(letters, quick):
    trained("names", "theirs", data="elements", steps=1, validations=1, cell="peephole-lstm")
    trained("names", "ours", data=letters, start_from="theirs", steps=1, validations=1, cell="PEEPHOLE_LSTM")


def test_between_recipes_the_end_mark_stays_fresh(names_run, text_run, letters):
    """Names have an end mark and text has none."""
    job = fresh(letters)
    before = row(job.model, job.vocabulary, "")
    borrow(job, RECIPE, text_run.path)
    assert torch.equal(row(job.model, job.vocabulary, ""), before)
    assert torch.equal(row(job.model, job.vocabulary, "a"), row(text_run.model, text_run.vocabulary, "a"))
    model = text_run.model
    kept = {key: value.clone() for key, value in model.state_dict().items()}
    borrow(
        SimpleNamespace(model=model, vocabulary=text_run.vocabulary, options=text_run.options),
        TEXT,
        names_run.path,
    )
    assert torch.equal(row(model, text_run.vocabulary, "a"), row(names_run.model, names_run.vocabulary, "a"))
    model.load_state_dict(kept)


def test_no_run_or_no_weights(names_run, letters, quick, tmp_path):
    with pytest.raises(RunError, match="There is no run folder nowhere"):
        trained("names", "run", data=letters, start_from="nowhere")
    run = open_run(names_run.path)
    (tmp_path / "bare").mkdir()
    for name in ("config.json", "vocabulary.json"):
        (tmp_path / "bare" / name).write_bytes((run.path / name).read_bytes())
    with pytest.raises(RunError, match="bare holds no weights yet: finish it with `undertow resume"):
        ut.train("names", data=letters, start_from="bare", **SMALL)
    assert not (tmp_path / "runs").exists()
