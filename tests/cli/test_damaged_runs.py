"""A run folder that is damaged, of a newer version, or no run at all is told in one sentence."""

import json
import shutil

import pytest

VERBS = [["sample"], ["score"], ["resume", "--quiet"], ["report"]]


@pytest.fixture
def run(names_run, tmp_path):
    return shutil.copytree(names_run, tmp_path / "run")


def find(run, file):
    return next(run.glob(file))


def told(refused, run, verbs):
    for verb, *rest in verbs:
        err = refused(verb, run, *rest)
        assert err.count("\n") == 1
        yield err


DAMAGES = {
    "empty": lambda data: b"",
    "one byte": lambda data: data[:1],
    "half": lambda data: data[: len(data) // 2],
    "almost whole": lambda data: data[: int(len(data) * 0.95) if len(data) > 20 else 0],
    "noise": lambda data: b"\xff\xfe\x00" * 20,
}
FILES = [  # which verbs need it
    ("config.json", ["sample", "score", "resume", "report"]),
    ("vocabulary.json", ["sample"]),
    ("best", ["sample", "score", "resume"]),
    ("last", ["resume"]),
    ("checkpoints/*.safetensors", ["sample", "score", "resume"]),
    ("checkpoints/*.state", ["resume"]),
    ("score.json", ["report"]),
]


@pytest.mark.parametrize(("file", "verbs"), FILES, ids=[file for file, _ in FILES])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_file_cut_short(refused, run, file, verbs, damage):
    path = find(run, file)
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    for err in told(refused, run, [words for words in VERBS if words[0] in verbs]):
        assert path.name in err
        assert "damaged" in err or "cannot be used" in err or "is missing" in err


@pytest.mark.parametrize("file", ["config.json", "vocabulary.json", "checkpoints/*.safetensors"])
def test_a_file_that_is_gone(refused, run, file):
    path = find(run, file)
    path.unlink()
    (err,) = told(refused, run, [["sample"]])
    assert path.name in err


@pytest.mark.parametrize("file", ["config.json", "vocabulary.json"])
@pytest.mark.parametrize("value", [[], None, 3, "x", {}, {"format": 1}])
def test_a_json_file_that_holds_something_else(refused, run, file, value):
    (run / file).write_text(json.dumps(value))
    (err,) = told(refused, run, [["sample"]])
    assert file in err


@pytest.mark.parametrize("key", ["recipe", "options", "data", "cell"])
@pytest.mark.parametrize("value", ["gone", None, 7])
def test_a_config_with_a_part_missing(refused, run, key, value):
    config = json.loads((run / "config.json").read_text())
    config[key] = value
    if value == "gone":
        del config[key]
    (run / "config.json").write_text(json.dumps(config))
    for err in told(refused, run, [["sample"], ["score"], ["resume", "--quiet"]]):
        assert key in err or "recipe" in err


CHANGES = [
    {"hidden": 9},
    {"hidden": "8"},
    {"layers": 2},
    {"cell": "gru"},
    {"hiden": 8},
    {"hidden": 0},
    {"hidden": 10**8},
]


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_options_that_no_longer_fit_the_weights(refused, run, change):
    config = json.loads((run / "config.json").read_text())
    config["options"] |= change
    (run / "config.json").write_text(json.dumps(config))
    list(told(refused, run, [["sample"], ["score"], ["resume", "--quiet"]]))


@pytest.mark.parametrize("file", ["config.json", "vocabulary.json"])
def test_a_newer_version(refused, run, file):
    record = json.loads((run / file).read_text()) | {"format": 99}
    (run / file).write_text(json.dumps(record))
    (err,) = told(refused, run, [["sample"]])
    assert "format 99" in err
    assert "pgrade" in err or "Update undertow" in err


def test_history_with_a_damaged_line(refused, run):
    lines = (run / "history.jsonl").read_bytes().splitlines()
    lines[1] = b'{"event":'
    (run / "history.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    (err,) = told(refused, run, [["report"]])
    assert "history.jsonl, line 2, is damaged" in err


def test_what_is_not_needed_may_be_damaged(undertow, run):
    """A score is written anew."""
    (run / "score.json").write_bytes(b"{")
    assert undertow("sample", run, "-n", 1).status == 0
    assert undertow("score", run).status == 0
    assert json.loads((run / "score.json").read_text())["recipe"] == "names"


@pytest.mark.parametrize("words", VERBS, ids=lambda words: words[0])
def test_no_run_at_all(refused, names_run, tmp_path, words):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    for place, sentence in [
        ("nowhere", "There is no run folder nowhere."),
        ("file", "There is no run folder file."),
        ("folder", "folder is not a run folder: it holds no config.json."),
        (names_run.parent / "elemnts", "Runs nearby: "),
    ]:
        assert sentence in refused(words[0], place, *words[1:])


def test_a_pointer_to_a_step_that_is_gone(refused, run):
    (run / "best").write_text("000000003\n")
    (err,) = told(refused, run, [["sample"]])
    assert "000000003.safetensors is missing. Point `last` and `best` at steps that exist" in err


def test_a_run_that_has_no_weights_yet(refused, run):
    for name in ("best", "last"):
        (run / name).unlink()
    (err,) = told(refused, run, [["sample"]])
    assert "holds no weights yet. Train it with `undertow resume" in err
