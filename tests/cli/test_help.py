"""Help is quick, complete, and readable anywhere."""

import dataclasses
import subprocess
import sys
import time

import pytest

from undertow import __version__
from undertow.cli.main import VERBS
from undertow.tasks.recipe import RECIPES, find

LOADED = (
    "import sys; from undertow.cli.main import main; {}; print(*{{m.partition('.')[0] for m in sys.modules}})"
)


def child(*command, **environment):
    return subprocess.run(
        [sys.executable, *command],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=environment or None,
    )


def test_help_comes_at_once():
    """The best of three, each a process of its own."""
    took = []
    for _ in range(3):
        began = time.monotonic()
        answer = child("-m", "undertow", "--help")
        took.append(time.monotonic() - began)
        assert answer.returncode == 0
        assert answer.stderr == ""
        assert all(f"\n  {verb} " in answer.stdout for verb in VERBS)
    assert min(took) < 0.5


@pytest.mark.parametrize("command", ["main(['--help'])", "main(['trian'])", "import undertow"])
def test_torch_is_not_loaded_for_a_word_of_help(command):
    answer = child("-c", LOADED.format(command))
    loaded = set(answer.stdout.splitlines()[-1].split())
    assert "undertow" in loaded
    assert loaded.isdisjoint({"torch", "numpy", "matplotlib", "pyarrow", "rich", "tyro", "msgspec"})


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"], ["help"]])
def test_the_first_help(undertow, words):
    answer = undertow(*words)
    assert (answer.status, answer.err) == (0, "")
    assert answer.out.startswith("usage: undertow VERB")


@pytest.mark.parametrize("words", [["--version"], ["-V"]])
def test_version(undertow, words):
    assert undertow(*words).out == f"undertow {__version__}\n"


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_every_verb_has_help(undertow, verb, flag):
    answer = undertow(verb, flag)
    assert (answer.status, answer.err) == (0, "")
    assert f"usage: undertow {verb}" in answer.out


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_option_of_a_recipe_is_explained(undertow, recipe):
    answer = undertow("train", recipe, "--help")
    assert answer.status == 0
    for field in dataclasses.fields(find(recipe).Options):
        off = "no-" if field.default is True else ""
        assert f"--{off}{field.name.replace('_', '-')}" in answer.out
    assert all(f"--{name}" in answer.out for name in ("out", "from", "quiet", "json"))


def test_train_lists_its_recipes(undertow):
    answer = undertow("train")
    assert answer.status == 0
    assert all(f"  {recipe} " in answer.out for recipe in RECIPES)


def test_a_terminal_of_ascii_is_enough(names_run):
    """What it cannot show is spelled, not a traceback."""
    script = """
import sys
from undertow.cli.main import main
for words in (["--help"], ["train", "names", "--help"], ["cells"], ["inspect", "names", "movies"], ["score", "--help"]):
    try:
        main(words)
    except SystemExit as error:
        assert not error.code, error.code
main(["sample", "Žnowhere"])
"""
    answer = child("-c", script, PYTHONIOENCODING="ascii", PATH="", HOME="/nonexistent", OMP_NUM_THREADS="1")
    assert answer.returncode == 0, answer.stderr
    assert "Traceback" not in answer.stderr
    assert "There is no run folder" in answer.stderr


@pytest.mark.parametrize(
    "words", [["--help"], ["train", "names", "--help"], ["cells"], ["cells", "--json"]], ids=" ".join
)
def test_a_reader_that_has_had_enough_is_no_fault(words):
    """As `| head -1`: the other end of the pipe is closed before a word is written."""
    script = "import os, sys, subprocess as s; r, w = os.pipe(); os.close(r); " \
             "p = s.run([sys.executable, '-m', 'undertow', *sys.argv[1:]], stdout=w, stderr=s.PIPE); " \
             "print(p.returncode, p.stderr.decode())"  # fmt: skip
    assert child("-c", script, *words).stdout.strip() == "0"
