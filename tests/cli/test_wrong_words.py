"""A wrong word leaves with 2 and says which one was meant."""

import pytest

from undertow.cli.main import VERBS


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["trian"], ["There is no verb 'trian'.", "Did you mean train?"]),
        (["sampel", "x"], ["Did you mean sample?"]),
        (["qqqq"], ["There is no verb 'qqqq'.", *VERBS]),
        (["--quiet"], ["There is no verb '--quiet'."]),
        ([""], ["There is no verb ''."]),
        (["train", "name"], ["There is no recipe 'name'.", "Did you mean names?"]),
        (["train", "--steps", "3"], ["There is no recipe '--steps'.", "names, text"]),
        (["inspect", "txt", "file"], ["There is no recipe 'txt'.", "Did you mean text?"]),
        (["train", "names", "--cell", "ltsm"], ["There is no cell 'ltsm'.", "Did you mean lstm?"]),
        (
            ["train", "names", "--cell", "my_cell.py:Mine"],
            ["There is no file 'my_cell.py' to read a cell from."],
        ),
        (["draw", "gruu"], ["There is no cell 'gruu'.", "Did you mean gru?"]),
        (["draw", "lstm", "--out", "picture.jpg"], ["--out must end in .png or .svg, got 'picture.jpg'"]),
        (["draw", "lstm", "--steps", "0"], ["--steps must lie from 1 to 100,000,000, got 0"]),
        (["cells", "--hidden", "0"], ["--hidden must lie from 1 to 100,000,000, got 0"]),
        (["train", "names", "--cell-options", "depth=3"], ["lstm has no setting 'depth=3'", "forget_bias"]),
        (["score", "nowhere"], ["There is no run folder nowhere."]),
    ],
    ids=lambda value: " ".join(value),
)
def test_one_sentence(refused, tmp_path, words, told):
    err = refused(*words)
    assert err.startswith("undertow: ")
    assert err.count("\n") == 1
    assert all(part in err for part in told)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["train", "names", "--hiden", "3"], "--hidden"),
        (["train", "text", "--learning-rat", "3"], "--learning-rate"),
        (["train", "names", "--hidden", "many"], "many"),
        (["train", "names", "--optimizer", "adamw"], "adam"),
        (["train", "names", "--steps"], "--steps"),
        (["sample", "run", "--temprature", "1"], "--temperature"),
        (["sample"], "RUN"),
        (["resume"], "RUN"),
        (["score", "a", "b"], "b"),
        (["cells", "--jason"], "--json"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else value,
)
def test_wrong_options(refused, tmp_path, words, told):
    assert told.lower() in refused(*words).lower()
    assert list(tmp_path.iterdir()) == []
