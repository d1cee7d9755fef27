"""A run folder is made once, opened with care, and names its newest and its best step."""

import pytest

from undertow.errors import RunError, StorageError
from undertow.training.run import FORMAT, create_run, free_name, open_run, surroundings


def test_round_trip(tmp_path):
    made = create_run(tmp_path / "a" / "run", {"recipe": "names", "options": {"hidden": 3}})
    found = open_run(str(made.path))
    assert found.config == {"format": FORMAT, "recipe": "names", "options": {"hidden": 3}}
    assert found.score is None
    assert found.history.events == ()
    assert found.pointer("best") is None
    found.point("best", "000000012")
    assert open_run(made.path).pointer("best") == "000000012"


def test_an_empty_folder_will_do(tmp_path):
    (tmp_path / "run").mkdir()
    create_run(tmp_path / "run", {})


def test_what_is_there_is_never_overwritten(tmp_path):
    run = create_run(tmp_path / "run", {"seed": 1})
    with pytest.raises(
        RunError, match=r"holds a run already\. Go on with `undertow resume .*run`, or choose another"
    ):
        create_run(run.path, {"seed": 2})
    assert run.config["seed"] == 1
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for place in ("full", "file"):
        with pytest.raises(RunError, match="exists and is not empty"):
            create_run(tmp_path / place, {})
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine.txt"]
    with pytest.raises(StorageError, match="part of the path is a file"):
        create_run(tmp_path / "file" / "run", {})


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        (b"", "is damaged"),
        (b'{"format": 1, "recipe": "na', "is damaged"),
        (b"[]", "is damaged: it names no format"),
        (b"{}", "is damaged: it names no format"),
        (b'{"format": "1"}', "is damaged: it names no format"),
        (b'{"format": %d}' % (FORMAT + 1), "was written by a newer undertow .*Upgrade with: pip install"),
    ],
)
def test_a_config_that_cannot_be_read(tmp_path, config, sentence):
    (tmp_path / "config.json").write_bytes(config)
    with pytest.raises(RunError, match=sentence):
        open_run(tmp_path)


def test_no_run_here_but_one_nearby(tmp_path):
    create_run(tmp_path / "names-1", {})
    with pytest.raises(RunError, match=r"There is no run folder .*names-2\. Runs nearby: .*names-1"):
        open_run(tmp_path / "names-2")
    (tmp_path / "names-3").mkdir()
    with pytest.raises(
        RunError, match=r"is not a run folder: it holds no config\.json\. Runs nearby: .*names-1"
    ):
        open_run(tmp_path / "names-3")
    (tmp_path / "names-4").write_text("")
    with pytest.raises(RunError, match="There is no run folder"):
        open_run(tmp_path / "names-4")


@pytest.mark.parametrize("damaged", [b"", b"12 34", b"\xff\xfe", b"-1", b"../../x"])
def test_a_pointer_that_names_no_step(tmp_path, damaged):
    run = create_run(tmp_path / "run", {})
    (run.path / "last").write_bytes(damaged)
    with pytest.raises(RunError, match=r"last is damaged: it should name a step"):
        run.pointer("last")


def test_the_first_free_name(tmp_path):
    assert free_name(tmp_path, "names").name == "names-1"
    for name in ("names-1", "names-2", "names-4"):
        (tmp_path / name).mkdir()
    assert free_name(tmp_path, "names").name == "names-3"
    assert free_name(tmp_path / "not yet", "names").name == "names-1"


def test_surroundings_say_when_with_what_and_where():
    told = surroundings()
    assert set(told) == {"created", "versions", "machine"}
    assert set(told["versions"]) == {"python", "undertow", "torch", "numpy"}
    assert told["created"].endswith("+00:00")
    assert told["machine"]["cores"] >= 1
