"""undertow from Python: train, load, resume, and what is said to a wrong keyword."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from test_network import OWN, Leaky
from tiny_runs import TINY

import undertow as ut
from undertow import cells
from undertow.errors import CellError, DataError, DivergedError, RunError, SettingError, UndertowError
from undertow.tasks.names import NamesTask

SHORT = {**TINY, "data": "elements", "steps": 3, "validations": 1}


def test_train_and_load_are_functions_whatever_was_imported_before():
    import undertow.training.loop  # noqa: F401 - the name of a layer must not hide a function

    assert callable(ut.train)
    assert callable(ut.load)
    assert callable(ut.resume)
    assert ut.train is ut.train
    assert set(ut.__all__) <= set(dir(ut))
    with pytest.raises(AttributeError, match="module 'undertow' has no attribute 'trian'"):
        _ = ut.trian


def test_every_public_name_is_there():
    for name in ut.__all__:
        assert getattr(ut, name) is not None


def test_train_then_load_then_sample(quick):
    run = ut.train("names", out="run", **SHORT)
    again = ut.load("run")
    assert run.sample(3, seed=1) == again.sample(3, seed=1) == ut.load(Path("run")).sample(3, seed=1)
    assert again.score == run.score
    assert again.config == run.config
    assert not again.model.training


def test_loading_and_sampling_draw_nothing_from_the_global_generator(names_run):
    before = torch.get_rng_state()
    fresh = ut.load(names_run.path)
    fresh.sample(3)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"count": 2.5}, "count must be a whole number, got 2.5"),
        ({"count": "3"}, "count must be a whole number, got '3'"),
        ({"seed": 0.5}, "seed must be a whole number"),
        ({"top_k": 1.5}, "top_k must be a whole number"),
        ({"length": 2.5}, "length must be a whole number"),
        ({"temperature": "warm"}, "temperature must be a number, got 'warm'"),
        ({"prefix": 3}, "prefix must be a text, got 3"),
    ],
)
def test_what_is_asked_of_samples_has_its_kind(names_run, asked, said):
    with pytest.raises(SettingError, match=said):
        ut.load(names_run.path).sample(**asked)
    assert len(ut.load(names_run.path).sample(np.int64(2))) == 2


def test_without_out_the_first_free_folder_under_runs(quick):
    first, second = (ut.train("names", **SHORT) for _ in range(2))
    assert (str(first.path), str(second.path)) == ("runs/names-elements-1", "runs/names-elements-2")


def test_the_seed_repeats_a_run(quick):
    scores = [ut.train("names", out=f"{n}/run", **SHORT, seed=seed).score for n, seed in enumerate((1, 1, 2))]
    assert scores[0] == scores[1]
    assert scores[0]["validation"] != scores[2]["validation"]


def test_data_as_path_as_list_and_by_name(quick, tmp_path):
    (tmp_path / "a.txt").write_text("\n".join(f"ab{c}" for c in "cdefghijklmnopqrstuvwxyz"))
    given = {key: value for key, value in SHORT.items() if key != "data"}
    for data in (tmp_path / "a.txt", ["a.txt"], ("a.txt", "a.txt"), "a.txt"):
        run = ut.train("names", data=data, **given)
        assert run.config["data"][0]["kept"] == 24


def test_paths_may_be_paths_everywhere(quick, tmp_path):
    (tmp_path / "held.txt").write_text("Zinc\nGold\n")
    run = ut.train("names", out=tmp_path / "run", validation=tmp_path / "held.txt", **SHORT)
    assert run.score["validation"]["strings"] == 2


@pytest.mark.parametrize(
    ("cell", "name"),
    [("gru", "gru"), (cells.GRU, "gru"), (cells.PeepholeLSTM, "peephole_lstm"), (Leaky, "Leaky")],
)
def test_a_cell_by_name_or_by_class(quick, cell, name):
    run = ut.train("names", cell=cell, out="run", **SHORT)
    assert run.config["cell"]["name"] == name
    assert type(ut.load("run").model.recurrent.cell).__name__.lower() == name.replace("_", "").lower()
    assert len(ut.load("run").sample(2)) == 2
    assert ut.resume("run").score == run.score


def test_a_cell_of_ones_own_whose_start_looks_at_its_numbers(quick, tmp_path):
    (tmp_path / "careful.py").write_text(OWN, encoding="utf-8")
    assert ut.train("names", cell="careful.py:Careful", out="run", **SHORT).sample(1)


def test_a_cell_that_lives_nowhere_is_refused(quick, tmp_path):
    space = {"ut": ut, "__name__": "nowhere"}
    exec("class Typed(ut.Cell): pass", space)
    with pytest.raises(CellError, match=r"Typed lives in no file.*cell='my_cell\.py:Typed'"):
        ut.train("names", cell=space["Typed"], **SHORT)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"hiden": 3}, "There is no option 'hiden'. Did you mean hidden"),
        ({"learnin_rate": 3}, "Did you mean learning_rate"),
        ({"qqq": 3}, r"There is no option 'qqq'\. Options: cell, "),
        ({"hidden": "8"}, "hidden .*Expected `int`, got `str`"),
        ({"hidden": 8.5}, "hidden .*Expected `int`, got `float`"),
        ({"optimizer": "adamw"}, "optimizer .*Invalid enum value 'adamw'"),
        ({"decay": "exponential"}, "decay .*Invalid enum value"),
        ({"augment": "mirror"}, "augment .*Invalid enum value"),
        ({"cell_options": "depth=3"}, "cell_options .*Expected `array`"),
        ({"steps": None, "minutes": "1"}, "minutes .*got `str`"),
        ({"minutes": 1.0}, "Give one of --minutes, --steps"),
    ],
    ids=str,
)
def test_a_wrong_option_is_named(quick, tmp_path, wrong, sentence):
    with pytest.raises(SettingError, match=sentence):
        ut.train("names", **{**SHORT, **wrong})
    assert not (tmp_path / "runs").exists()


def test_numbers_of_numpy_are_numbers(quick):
    numpy = {"learning_rate": np.float64(0.01), "hidden": np.int64(8), "steps": np.arange(4)[-1]}
    assert ut.train("names", out="run", **SHORT | numpy).config["options"]["hidden"] == 8


@pytest.mark.parametrize(
    ("recipe", "sentence"), [("name", "Did you mean names"), ("zzz", "Recipes: names, text")]
)
def test_a_wrong_recipe_is_named(recipe, sentence):
    with pytest.raises(SettingError, match=sentence):
        ut.train(recipe)


def test_a_missing_file_and_a_missing_run(quick):
    with pytest.raises(
        DataError, match=r"nowhere\.txt does not exist.*Sets that come with undertow: compounds, elements"
    ):
        ut.train("names", data="nowhere.txt")
    for use in (ut.load, ut.resume):
        with pytest.raises(RunError, match="There is no run folder nowhere"):
            use("nowhere")


def test_a_run_that_diverges_says_so_and_keeps_its_best(quick, monkeypatch):
    # Scores are float32 always; so is training here, that validation on the way gives the same number.
    settings = {**SHORT, "steps": 20, "validations": 10, "precision": "float32"}
    wanted = ut.train("names", out="wanted", **settings)
    truth, computed = NamesTask.loss, []

    def loss(task, batch, carried):
        computed.append(1)
        outcome = truth(task, batch, carried)
        return replace(outcome, loss=outcome.loss * float("nan")) if len(computed) == 9 else outcome

    monkeypatch.setattr(NamesTask, "loss", loss)
    with pytest.raises(DivergedError) as caught:
        ut.train("names", out="run", **settings)
    run = ut.load("run")
    best = min(event["nats_per_char"] for event in wanted.history.of("validation") if event["step"] <= 8)
    assert str(caught.value) == (
        f"Training stopped at step 8: the loss was no number any more. The best weights (validation {best:.4f}) are "
        f"in run. Lower --learning-rate, or set --clip-norm 1."
    )
    assert run.history.of("end")[0]["reason"] == "diverged"
    assert run.score["validation"]["nats_per_char"] == pytest.approx(best)
    assert issubclass(DivergedError, UndertowError)


@pytest.mark.parametrize("settings", [{}, {"spectral_penalty": 0.1}, {"omega_penalty": 0.1}], ids=str)
def test_a_run_that_is_wild_from_the_start_still_ends_in_order(quick, settings):
    """No validation is a number, so no weights are best; what there is, is scored as no number, and says nothing."""
    wild = {
        **SHORT,
        "steps": 40,
        "validations": 40,
        "learning_rate": 9e11,
        "optimizer": "sgd",
        "clip_norm": 0.0,
    }
    try:
        ut.train("names", out="run", cell="rnn", cell_options=("nonlinearity=relu",), **wild, **settings)
    except DivergedError as error:
        assert re.fullmatch(  # noqa: PT017 - either way of ending is in order
            r"Training stopped at step \d+: the loss was no number any more\. Lower --learning-rate, or .*",
            str(error),
        )
    run = ut.load("run")
    assert run.history.of("end")[0]["reason"] in ("diverged", "patience")
    assert run.score["validation"]["nats_per_char"] is None
    assert run.score["samples"]["count"] == 0
    assert "no numbers" in run.score["samples"]["error"]
    with pytest.raises(DivergedError, match="no numbers"):
        run.sample(3)


def test_a_progress_display_hears_of_the_training(quick):
    class Ears:
        def __init__(self):
            self.said, self.moments, self.closed = [], [], 0

        def show(self, moment):
            self.moments.append(moment)

        def say(self, text):
            self.said.append(text)

        def close(self):
            self.closed += 1

    ears = Ears()
    run = ut.train("names", out="run", display=ears, **SHORT)
    assert ears.said == [f"Training {run.config['parameters']:,} parameters into run"]
    assert ears.moments[0].step == 1
    assert ears.closed >= 1
