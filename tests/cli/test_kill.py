"""A real process, killed for real at a moment that nobody chose, then resumed: its weights are of a run never killed.

Three moments here; `scripts/bench kill_resume` takes as many as one has patience for.
"""

import hashlib
import json
import os
import random
import resource
import signal
import subprocess
import sys
import time

import pytest

from undertow.cli.main import main
from undertow.training.run import open_run

COMMAND = [sys.executable, "-m", "undertow"]
OPTIONS = {"hidden": 12, "embedding": 8, "layers": 2, "batch": 32, "average": 0.99, "augment": "noise", "patience": 0,
           "steps": 150, "validations": 5, "checkpoint-seconds": 0.1}  # fmt: skip
TRAIN = ["train", "names", "--data", "elements", *(w for k, v in OPTIONS.items() for w in (f"--{k}", str(v)))]
MINUTE = 60


@pytest.fixture
def start(tmp_path):
    """A process in a working folder of its own, ended at the end of the test whatever happens."""
    begun = []

    def started(*words, **settings):
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        begun.append(
            subprocess.Popen([*COMMAND, *words], cwd=tmp_path, env=environment, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, **settings)
        )  # fmt: skip
        return begun[-1]

    yield started
    for process in begun:
        if process.poll() is None:
            process.kill()
        process.communicate()


def wait_for(condition, process):
    began = time.monotonic()
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() - began < MINUTE
        time.sleep(0.002)


def steps_kept(run):
    try:
        return int((run / "last").read_text())
    except (FileNotFoundError, ValueError):
        return -1


def whole(path):
    """Hashes of the last and best weights, the score, and the validations."""
    run = open_run(path)
    steps = {pointer: run.pointer(pointer) for pointer in ("last", "best")}
    hashes = {
        pointer: hashlib.sha256((path / "checkpoints" / f"{step}.safetensors").read_bytes()).hexdigest()
        for pointer, step in steps.items()
    }
    looks = [(event["step"], event["nats_per_char"]) for event in run.history.of("validation")]
    assert not list(path.rglob("*.part"))
    return steps, hashes, {**run.score, "run": ""}, looks


def test_killed_at_three_moments(start, tmp_path, monkeypatch):
    """The undisturbed run and two of the resumes are of this process, the rest are processes of their own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("undertow.tasks.start.write_report", lambda _run: None)
    assert main([*TRAIN, "--out", "undisturbed"]) == 0
    wanted = whole(tmp_path / "undisturbed")
    chance = random.Random(1)
    for number, (least, most) in enumerate([(-1, -1), (10, 60), (70, 130)]):
        run, step = tmp_path / f"killed-{number}", chance.randint(least, most)
        process = start(*TRAIN, "--out", run.name)
        wait_for((run / "config.json").exists, process)
        wait_for(lambda run=run, step=step: steps_kept(run) >= step, process)
        time.sleep(chance.uniform(0, 0.06))
        process.kill()
        assert process.wait(MINUTE) == -signal.SIGKILL
        words = ["resume", run.name, "--quiet"]
        assert (main(words) if number else start(*words).wait(MINUTE)) == 0
        assert whole(run) == wanted, number
    assert (tmp_path / "killed-0" / "report.html").exists()


def test_ctrl_c_saves_leaves_with_130_and_says_how_to_go_on(start, tmp_path):
    command = [*TRAIN, "--steps", "100000", "--out", "run"]
    process = start(*command)
    run = tmp_path / "run"
    wait_for(lambda: steps_kept(run) > 0, process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=MINUTE)
    assert process.returncode == 130
    assert out == b""
    assert b"Traceback" not in err
    assert b"undertow resume run" in err
    kept = steps_kept(run)
    process = start("resume", "run", "--quiet", "--json")
    wait_for(lambda: steps_kept(run) > kept, process)
    process.send_signal(signal.SIGTERM)  # a polite kill is treated alike
    out, err = process.communicate(timeout=MINUTE)
    assert process.returncode == 130
    assert b"Traceback" not in err
    events = [json.loads(line) for line in (run / "history.jsonl").read_bytes().splitlines()]
    assert [event["step"] for event in events if event["event"] == "resume"] == [kept]
    assert not list(run.rglob("*.part"))


def test_a_file_past_the_system_s_limit(start, tmp_path):
    """The kernel refuses half of a checkpoint: one sentence, no half file, and what was kept before is whole."""

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    process = start(*TRAIN, "--hidden", "128", "--out", "run", preexec_fn=limit)
    out, err = process.communicate(timeout=MINUTE)
    assert process.returncode == 2
    assert out == b""
    assert b"Traceback" not in err
    assert err.splitlines()[-1].startswith(b"undertow: Cannot write run/checkpoints/000000000.s")
    assert b"larger than this system allows. What was written before is whole." in err.splitlines()[-1]
    assert not list(tmp_path.rglob("*.part"))
    assert open_run(tmp_path / "run").config["recipe"] == "names"
