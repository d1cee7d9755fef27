"""Stopped anywhere and resumed, a run of names or text ends as the run that was never stopped, bit for bit.

Weights, best weights, score and validations are compared; `tests/cli/test_kill.py` does it with SIGKILL.
"""

import signal

import pytest
import torch
from tiny_runs import trained

import undertow as ut
from undertow.errors import CellError, DataError, RunError
from undertow.tasks import start
from undertow.tasks.names import NamesTask
from undertow.tasks.text import TextTask
from undertow.training import loop

NAMES = {"data": "elements", "batch": 16}  # six steps an epoch
TEXT = {"batch": 8, "window": 20}  # seventeen windows an epoch
CELL = """
from dataclasses import dataclass
from typing import NamedTuple
import torch
from torch import Tensor
import undertow as ut

@dataclass(frozen=True)
class Echo(ut.Cell):
    '''A cell of one's own; both fields of its state are one tensor.'''
    gain: float = 1.0
    class State(NamedTuple):
        h: Tensor
        again: Tensor
    class Weights(NamedTuple):
        x: Tensor
        h: Tensor
    def init(self):
        return self.Weights(ut.init.glorot(self.hidden_size, self.input_size), ut.init.orthogonal(self.hidden_size))
    def step(self, x, state, w):
        h = torch.tanh(self.gain * (x @ w.x.T + 0.5 * (state.h + state.again) @ w.h.T))
        return self.State(h, h)
"""

RUNS = {
    "names": ("names", NAMES),
    "names, sgd": ("names", {**NAMES, "optimizer": "sgd", "learning_rate": 0.2}),
    "names, average": ("names", {**NAMES, "average": 0.9, "cell": "gru"}),
    "names, zoneout": ("names", {**NAMES, "zoneout": 0.2, "dropout": 0.0, "layers": 2}),
    "names, variational": ("names", {**NAMES, "variational": 0.3, "weight_decay": 0.1}),
    "names, splice": ("names", {**NAMES, "augment": "splice", "augment_share": 0.5, "data": "pairs"}),
    "names, noise": ("names", {**NAMES, "augment": "noise", "augment_share": 0.3, "seed": 3}),
    "names, penalties": (
        "names",
        {**NAMES, "jacobian_penalty": 0.01, "omega_penalty": 0.01, "spectral_penalty": 0.1},
    ),
    "names, patience": (
        "names",
        {**NAMES, "patience": 5, "validations": 12, "learning_rate": 20.0, "optimizer": "sgd"},
    ),
    "names, own cell": ("names", {**NAMES, "cell": "my_cell.py:Echo", "cell_options": ("gain=1.5",)}),
    "text": ("text", TEXT),
    "text, sgd, average": ("text", {**TEXT, "optimizer": "sgd", "learning_rate": 0.2, "average": 0.9}),
    "text, dropout in time": (
        "text",
        {**TEXT, "layers": 2, "variational": 0.2, "zoneout": 0.2, "cell": "rnn"},
    ),
    "text, own cell": ("text", {**TEXT, "cell": "my_cell.py:Echo"}),
    "text, omega": ("text", {**TEXT, "omega_penalty": 0.01, "clip_norm": 0.0, "clip_value": 0.01}),
}
EVERY = pytest.mark.parametrize("name", RUNS)


class Killed(BaseException):
    """Nothing of ours catches it."""


@pytest.fixture
def begin(quick, tmp_path, story):
    """Train in a folder of the same name each time, so that scores can be compared whole."""
    (tmp_path / "my_cell.py").write_text(CELL, encoding="utf-8")
    (tmp_path / "pairs").write_text(
        "\n".join(f"{a} {b}" for a in "qwert" * 2 for b in ("yu", "io", "pa", "sd", a))
    )

    def made(name, folder):
        recipe, options = RUNS[name]
        if recipe == "text":
            options = {"data": story, **options}
        return trained(recipe, tmp_path / folder / "run", **options)

    return made


def stop_at(patch, step, how=lambda: signal.raise_signal(signal.SIGINT)):
    """Let the step-th loss that is computed bring trouble."""
    for kind in (NamesTask, TextTask):

        def loss(task, batch, carried, truth=kind.loss, computed=[]):  # noqa: B006 - counts over all calls
            computed.append(1)
            if len(computed) == step:
                how()
            return truth(task, batch, carried)

        patch.setattr(kind, "loss", loss)


def interrupted(monkeypatch, step, use):
    """Ctrl-C at this step."""
    with monkeypatch.context() as patch:
        stop_at(patch, step)
        with pytest.raises(KeyboardInterrupt):
            use()


def killed(monkeypatch, module, function, use, at=lambda *_: True):
    """The process ends where this function is called."""
    truth = getattr(module, function)

    def kill(*arguments):
        if at(arguments[0]):
            raise Killed
        truth(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(module, function, kill)
        with pytest.raises(Killed):
            use()


def whole(run):
    checkpoints = {
        pointer: (
            run.pointer(pointer),
            (run.path / "checkpoints" / f"{run.pointer(pointer)}.safetensors").read_bytes(),
        )
        for pointer in ("last", "best")
    }
    looks = [(event["step"], event["nats_per_char"]) for event in run.history.of("validation")]
    return checkpoints, (run.path / "score.json").read_bytes(), looks, run.history.of("end")[-1]["reason"]


@EVERY
def test_stopped_by_ctrl_c_and_resumed(begin, name, monkeypatch):
    wanted = whole(begin(name, "unbroken"))
    steps = int(wanted[0]["last"][0])
    assert wanted[-1] == ("patience" if "patience" in name else "budget")
    for at in sorted({1, steps // 3, steps - 2}):
        interrupted(monkeypatch, at, lambda at=at: begin(name, f"stopped-{at}"))
        torch.manual_seed(1234)  # whatever the process did before
        assert whole(ut.resume(f"stopped-{at}/run")) == wanted, at


@pytest.mark.parametrize("name", ["names, average", "text"])
def test_killed_before_the_first_checkpoint(begin, name, monkeypatch):
    wanted = whole(begin(name, "unbroken"))
    killed(monkeypatch, loop, "save_last", lambda: begin(name, "killed"))
    assert not list((ut.load("killed/run").path / "checkpoints").iterdir())
    assert whole(ut.resume("killed/run")) == wanted


@pytest.mark.parametrize("file", ["vocabulary.json", "score.json"])
def test_killed_between_files(begin, file, monkeypatch):
    """Right after config.json, and after the end of training before the score."""
    wanted = whole(begin("names", "unbroken"))
    killed(
        monkeypatch, start, "write_json", lambda: begin("names", "killed"), at=lambda path: path.name == file
    )
    assert whole(ut.resume("killed/run")) == wanted


def test_killed_before_the_first_checkpoint_of_a_run_that_starts_from_another(
    begin, names_run, tmp_path, monkeypatch
):
    options = {**NAMES, "start_from": names_run.path}
    wanted = whole(trained("names", tmp_path / "unbroken" / "run", **options))
    killed(monkeypatch, loop, "save_last", lambda: trained("names", tmp_path / "killed" / "run", **options))
    assert whole(ut.resume("killed/run")) == wanted


@pytest.mark.parametrize("name", ["names", "text, sgd, average"])
def test_resuming_a_finished_run_changes_nothing(begin, name, monkeypatch):
    before = whole(run := begin(name, "finished"))
    stop_at(monkeypatch, 1, how=lambda: pytest.fail("a step was taken"))
    assert whole(ut.resume(run.path)) == before


def test_stopped_again_and_again(begin, monkeypatch):
    wanted = whole(begin("text, dropout in time", "unbroken"))
    interrupted(monkeypatch, 2, lambda: begin("text, dropout in time", "stopped"))
    for _ in range(4):
        interrupted(monkeypatch, 3, lambda: ut.resume("stopped/run"))
    assert whole(ut.resume("stopped/run")) == wanted


def test_resume_takes_the_run_s_own_number_of_threads(begin, monkeypatch):
    interrupted(monkeypatch, 2, lambda: begin("names", "stopped"))
    torch.set_num_threads(2)
    ut.resume("stopped/run")
    assert torch.get_num_threads() == 1


def test_data_that_changed_since_is_refused(begin, tmp_path, monkeypatch):
    interrupted(monkeypatch, 2, lambda: begin("names, splice", "stopped"))
    with (tmp_path / "pairs").open("a") as file:
        file.write("\none more")
    with pytest.raises(
        DataError, match=r"pairs has changed since stopped.run began.*Put the file back as it was"
    ):
        ut.resume("stopped/run")
    with pytest.raises(DataError, match="pairs has changed"):
        start.rescore(ut.load("stopped/run"))
    (tmp_path / "pairs").unlink()
    with pytest.raises(DataError, match="pairs does not exist"):
        ut.resume("stopped/run")


def test_a_cell_that_changed_since_is_refused(begin, tmp_path, monkeypatch):
    wanted = whole(begin("names, own cell", "unbroken"))
    interrupted(monkeypatch, 2, lambda: begin("names, own cell", "stopped"))
    (tmp_path / "my_cell.py").write_text(CELL.replace("0.5 *", "0.4 *"), encoding="utf-8")
    for use in (ut.resume, lambda run: ut.load(run).sample(1), lambda run: start.rescore(ut.load(run))):
        with pytest.raises(RunError, match=r"my_cell\.py has changed since stopped.run began"):
            use("stopped/run")
    (tmp_path / "my_cell.py").write_text("this is no Python", encoding="utf-8")
    with pytest.raises(RunError, match=r"my_cell\.py has changed since stopped.run began"):
        ut.resume("stopped/run")
    (tmp_path / "my_cell.py").unlink()
    with pytest.raises(CellError, match=r"There is no file 'my_cell\.py'"):
        ut.resume("stopped/run")
    (tmp_path / "my_cell.py").write_text(CELL, encoding="utf-8")
    assert whole(ut.resume("stopped/run")) == wanted
