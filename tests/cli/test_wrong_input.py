"""Bad files, bad numbers, bad places: status 2, one sentence, nothing half written."""

import gzip
import time
from pathlib import Path

import pytest

from undertow.errors import DataError
from undertow.training.display import Silent

TINY = ["--hidden", 8, "--layers", 1, "--embedding", 5, "--steps", 2, "--validations", 1]
LONG = b"once upon a time there was a sea " * 2000


@pytest.fixture
def files(tmp_path):
    """Files that cannot be trained on as names, and some good ones."""
    held = {
        "empty.txt": b"",
        "blank.txt": b"\n\n   \n",
        "binary.bin": bytes(range(256)) * 8,
        "picture.png": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(100),
        "latin.txt": "Café\nFenêtre\nGarçon\n".encode("latin-1") * 10,
        "utf16.txt": "Gold\nZinc\n".encode("utf-16"),
        "one.txt": b"Gold\n",
        "longline.txt": LONG,
        "short.gz": gzip.compress(b"Gold\n" * 500)[:40],
        "control.txt": b"Gold\nZi\x07nc\n" * 10,
        "table.csv": b"name,year\n" + b"".join(b"n%d,%d\n" % (n, n) for n in range(20)),
        "two.csv": b"first,last\n" + b"".join(b"a%d,b%d\n" % (n, n) for n in range(20)),
        "broken.csv": b"name,year\na,1\nb,2,3\n",
        "broken.jsonl": b'{"name": "a"}\n{"name": \n',
        "short.txt": b"ten words are too few",
    }
    for name, data in held.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "folder").mkdir()
    return tmp_path


NAMES = [
    ("nowhere.txt", "nowhere.txt does not exist"),
    ("elemnts", "elemnts does not exist. Close to it: elements"),
    ("empty.txt", "empty.txt is empty (0 bytes)"),
    ("blank.txt", "has 0 strings after removing duplicates"),
    ("binary.bin", "is binary"),
    ("picture.png", "is binary"),
    ("latin.txt", "line 1: byte 0xe9 is not utf-8"),
    ("utf16.txt", "read it with --encoding utf-16"),
    ("one.txt", "has 1 string after removing duplicates; a list of names needs at least 10"),
    ("longline.txt", "longer than 1,000 characters. It looks like one long text"),
    ("short.gz", "the gzip data are damaged or cut short"),
    ("control.txt", "line 2: control character U+0007"),
    ("broken.csv", "broken.csv, row"),
    ("broken.jsonl", "broken.jsonl, line 2"),
    ("two.csv", "Name one with --column"),
    ("folder", "folder is a folder; a file is needed"),
    ("/dev/null", "is a device or a pipe"),
]


@pytest.mark.parametrize(("file", "told"), NAMES)
@pytest.mark.parametrize(
    "words", [["train", "names", "--data"], ["inspect", "names"]], ids=["train", "inspect"]
)
def test_a_file_of_names_that_cannot_be_used(refused, files, words, file, told):
    err = refused(*words, file)
    assert told in err
    assert err.count("\n") == 1
    assert not (files / "runs").exists()


@pytest.mark.parametrize(
    ("file", "told"),
    [
        ("nowhere.txt", "does not exist"),
        ("empty.txt", "is empty"),
        ("binary.bin", "is binary"),
        ("latin.txt", "is not utf-8"),
        ("short.txt", "has 21 characters; a text needs at least 1,000"),
        ("table.csv", "is a table (csv), and one long plain text is needed"),
        ("folder", "is a folder"),
    ],
)
@pytest.mark.parametrize(
    "words", [["train", "text", "--data"], ["inspect", "text"]], ids=["train", "inspect"]
)
def test_a_text_that_cannot_be_used(refused, files, words, file, told):
    assert told in refused(*words, file)
    assert not (files / "runs").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ["--data", "table.csv", "--column", "nam"],
            "has no column 'nam'; it has name, year. Did you mean --column name?",
        ),
        (["--data", "one.txt", "--encoding", "klingon"], "--encoding klingon is unknown"),
        (["--data", "elements", "--column", "weight"], "has no column 'weight'"),
        (["--data", "elements", "--validation", "nowhere.txt"], "nowhere.txt does not exist"),
        (["--data", "elements", "--test", "one.txt"], "--test FILE goes with --validation FILE"),
        (["--data", "elements", "--from", "nowhere"], "There is no run folder nowhere"),
        (["--hidden", 0], "--hidden must be a whole number of at least 1, got 0"),
        (["--hidden", -5], "--hidden must be"),
        (["--layers", 0], "--layers must be"),
        (["--embedding", 0], "--embedding must be"),
        (["--batch", 0], "--batch must be above 0, got 0"),
        (["--steps", 0], "--steps must be above 0"),
        (["--minutes", 0], "--minutes must be above 0"),
        (["--minutes", "nan"], "--minutes must be above 0"),
        (["--steps", 3, "--minutes", 1], "Give one of --minutes, --steps and --epochs"),
        (["--dropout", 1], "--dropout must be at least 0 and below 1"),
        (["--learning-rate", "nan"], "--learning-rate must be above 0"),
        (["--seed", -1], "--seed must be at least 0"),
        (["--seed", 10**30], "--seed must be at least 0"),
        (["--clip-norm", -1], "--clip-norm must not be negative"),
        (["--augment-share", 2], "--augment-share must lie from 0 to 1"),
        (["--max-length", 0], "--max-length must be at least 1"),
        (["--validations", 0], "--validations must be above 0"),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, list) else "",
)
def test_options_that_cannot_be(refused, files, words, told):
    data = [] if "--data" in words else ["--data", "elements"]
    assert told in refused("train", "names", *data, *words)
    assert not (files / "runs").exists()


@pytest.mark.parametrize("size", [["--hidden", 10**7], ["--hidden", 10**12], ["--hidden", 10**30], ["--layers", 10**12],
                                  ["--embedding", 10**12]], ids=str)  # fmt: skip
def test_a_network_too_large_is_refused_at_once(refused, tmp_path, size):
    began = time.monotonic()
    err = refused("train", "names", "--data", "elements", *size)
    assert "GiB to train, and this machine has" in err
    assert time.monotonic() - began < 3
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "words",
    [["cells", "--hidden", 10**7], ["draw", "lstm", "--hidden", 10**7], ["cells", "--input-size", 10**13]],
    ids=str,
)
def test_looking_at_a_large_network_allocates_nothing(undertow, words):
    began = time.monotonic()
    answer = undertow(*words)
    assert answer.status in (0, 2)
    assert "Traceback" not in answer.err
    assert time.monotonic() - began < 5


def test_no_room_for_the_training_itself(refused, monkeypatch):
    """A batch too large shows only when its activations are allocated."""

    def full(*_):
        raise RuntimeError(
            "[enforce fail at alloc_cpu.cpp:127] . DefaultCPUAllocator: can't allocate memory: ..."
        )

    monkeypatch.setattr("undertow.tasks.names.NamesTask.loss", full)
    assert "Out of memory. Take a smaller --batch" in refused("train", "names", "--data", "elements", *TINY)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--temperature", -1], "--temperature must lie from 0 to 100, got -1"),
        (["--temperature", "nan"], "--temperature"),
        (["--top-k", -1], "--top-k must not be negative"),
        (["--top-p", 0], "--top-p must be above 0"),
        (["-n", 0], "-n must lie from 1"),
        (["--length", 0], "--length must be at least 1"),
        (["--seed", 10**30], "--seed must be"),
        (["--prefix", "Ří"], "'Ř' (U+0158, LATIN CAPITAL LETTER R WITH CARON) in 'Ří' is not among the"),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, list) else "",
)
def test_samples_that_cannot_be(refused, names_run, words, told):
    assert told in refused("sample", names_run, *words)


@pytest.mark.parametrize(
    ("file", "told"),
    [
        ("nowhere.txt", "does not exist"),
        ("empty.txt", "is empty"),
        ("binary.bin", "is binary"),
        ("latin.txt", "not utf-8"),
    ],
)
def test_scoring_a_file_that_cannot_be_used(refused, files, names_run, text_run, file, told):
    for run in (names_run, text_run):
        assert told in refused("score", run, "--data", file)


def test_scoring_characters_that_were_never_seen(refused, files, names_run, text_run):
    (files / "odd.txt").write_text("Ří\nGold\n", encoding="utf-8")
    assert "hold characters the run never saw" in refused("score", names_run, "--data", "odd.txt")
    assert "is not among the" in refused("score", text_run, "--data", "odd.txt")


def test_places_that_are_taken_or_closed(refused, files, names_run):
    (files / "full").mkdir()
    (files / "full" / "mine").write_text("mine")
    told = {
        "full": "full exists and is not empty. Choose another --out",
        "one.txt": "exists and is not empty",
        str(names_run): "holds a run already. Go on with `undertow resume",
        "one.txt/run": "part of the path is a file, not a folder",
    }
    for place, sentence in told.items():
        assert sentence in refused("train", "names", "--data", "elements", "--out", place, *TINY)
    assert [path.name for path in (files / "full").iterdir()] == ["mine"]
    assert "Cannot write nowhere/lstm.png" in refused("draw", "lstm", "--out", "nowhere/lstm.png")


@pytest.mark.parametrize(
    ("number", "reason"),
    [(30, "the disk is read-only"), (28, "the disk is full"), (13, "permission is denied")],
)
def test_places_that_cannot_be_written(refused, tmp_path, monkeypatch, number, reason):
    def refuse(*_args, **_kwargs):
        raise OSError(number, "no")

    monkeypatch.setattr("pathlib.Path.mkdir", refuse)
    assert reason in refused("train", "names", "--data", "elements", "--out", "run", *TINY)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_looked_at(refused, names_run, monkeypatch):
    """A folder of another user's."""

    is_dir = Path.is_dir

    def closed(path):
        if path == names_run:
            raise PermissionError(13, "Permission denied", str(path))
        return is_dir(path)

    monkeypatch.setattr(Path, "is_dir", closed)
    assert "Permission denied" in refused("sample", names_run)


@pytest.mark.parametrize("verb", ["train", "resume"])
def test_the_progress_bar_is_taken_down_before_the_sentence(refused, names_run, monkeypatch, verb):
    """Else the terminal is left without a cursor."""
    closed = []

    class Bar(Silent):
        def close(self):
            closed.append(True)

    def gone(*given):
        raise DataError("the data is gone.")

    monkeypatch.setattr(f"undertow.cli.{verb}.display_for", lambda quiet, unit: Bar())
    monkeypatch.setattr("undertow.cli.resume.resume", gone)
    refused(*{"train": ["train", "names", "--data", "nowhere.txt"], "resume": ["resume", names_run]}[verb])
    assert closed


WRONG_STEP = """
from dataclasses import dataclass
from typing import NamedTuple
import torch, undertow as ut

@dataclass(frozen=True)
class Mine(ut.Cell):
    class State(NamedTuple):
        h: torch.Tensor
    class Weights(NamedTuple):
        x: torch.Tensor
    def init(self):
        return self.Weights(torch.zeros(self.hidden_size, self.input_size + 1))
    def step(self, x, state, w):
        return self.State(h=torch.tanh(x @ w.x.T))
"""


def test_a_step_whose_shapes_do_not_fit_is_named_by_its_line(refused, tmp_path, monkeypatch):
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "wrong.py").write_text(WRONG_STEP)
    monkeypatch.chdir(folder)
    err = refused("plan", "wrong.py:Mine")
    assert err.count("\n") == 1
    assert "Mine has no kernel: the step cannot be traced at " in err
    assert "wrong.py:15 (RuntimeError: a and b must have same reduction dim" in err
