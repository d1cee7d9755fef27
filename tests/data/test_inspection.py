import json
import subprocess
import sys
from pathlib import Path

from undertow.data import inspection
from undertow.data.inspection import inspect_labelled, inspect_pairs, inspect_strings, inspect_text
from undertow.data.labelled import read_labelled
from undertow.data.longtext import read_text
from undertow.data.pairs import read_pairs
from undertow.data.strings import read_strings


def test_strings_by_hand(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("name,n\n" + "".join(f"{'ab' * (i + 1)},{i}\n" for i in range(10)) + "ab,1\n")
    told = inspect_strings(read_strings(path))
    assert json.loads(json.dumps(told)) == told
    assert (told["format"], told["column"], told["columns"]) == ("csv", "name", ["name", "n"])
    assert (told["rows"], told["duplicates"], told["empty"], told["kept"]) == (11, 1, 0, 10)
    assert told["characters"] == {"count": 2, "known": "ab"}
    length = told["length"]
    assert (length["min"], length["median"], length["mean"], length["max"]) == (2, 11.0, 11.0, 20)
    assert length["histogram"][0] == {"from": 2, "to": 3, "count": 1}
    assert sum(bin["count"] for bin in length["histogram"]) == 10
    assert sum(told["split"].values()) == 10
    assert all(told["split"].values())
    assert told["examples"] == ["ab" * n for n in (1, 3, 5, 7, 9)]


def test_text_by_hand(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("abc\n\n" * 400 + "d")
    told = inspect_text(read_text(path))
    assert json.loads(json.dumps(told)) == told
    assert (told["kept"], told["lines"]) == (2001, 801)
    assert told["characters"] == {"count": 5, "known": "\nabcd"}
    assert (told["length"]["min"], told["length"]["max"]) == (0, 3)
    assert told["split"] == {"train": 1800, "validation": 201}
    assert told["examples"][0].startswith("abc\n\nabc")


def labelled(tmp_path, name, rows):
    path = tmp_path / name
    path.write_text("text,label\n" + "".join(f"{row}\n" for row in rows))
    return read_labelled(path)


def test_labelled_by_hand(tmp_path):
    rows = [f"{'ab' * (n + 1)},{'even' if n % 2 == 0 or n == 9 else 'odd'}" for n in range(10)]
    told = inspect_labelled(labelled(tmp_path, "a.csv", [*rows, rows[0], "ab,odd", ",odd"]))
    assert json.loads(json.dumps(told)) == told
    assert (told["format"], told["columns"], told["text"], told["label"]) == (
        "csv",
        ["text", "label"],
        "text",
        "label",
    )
    assert [told[key] for key in ("rows", "kept", "duplicates", "conflicts", "empty", "skipped")] == [
        13,
        10,
        1,
        1,
        1,
        0,
    ]
    assert told["characters"] == {"count": 2, "known": "ab"}
    assert (told["length"]["min"], told["length"]["max"]) == (2, 20)
    assert told["classes"] == [
        {"label": "even", "count": 6, "share": 0.6},
        {"label": "odd", "count": 4, "share": 0.4},
    ]
    assert sum(told["split"].values()) == 10
    assert told["leakage"] is None
    assert told["examples"][1] == {"text": "ababab", "label": "even"}
    assert len(told["examples"]) == 5


def test_held_out_texts_that_are_trained_on_are_counted(tmp_path):
    train = labelled(tmp_path, "a.csv", ["a,1", "b,2", "c,1"])
    validation = labelled(tmp_path, "b.csv", ["c,1", "b,1", "d,1"])
    test = labelled(tmp_path, "c.csv", ["e,1"])
    told = inspect_labelled(train, validation, test)
    assert told["split"] == {"train": 3, "validation": 3, "test": 1}
    assert told["leakage"] == {"validation": 2, "test": 0}
    assert inspect_labelled(train, test=test)["leakage"] == {"test": 0}


def test_pairs_by_hand(tmp_path):
    left, right = tmp_path / "a.en", tmp_path / "a.fr"
    left.write_text("".join(f"{'a' * (1 + n // 2)}\n" for n in range(10)))
    right.write_text("".join(f"{'b' * (n + 1)}\n" for n in range(10)))
    pairs = read_pairs((left, right))
    told = inspect_pairs(pairs)
    assert json.loads(json.dumps(told)) == told
    assert [file["path"] for file in told["files"]] == [str(left), str(right)]
    assert (told["rows"], told["kept"], told["source"], told["target"]) == (10, 10, None, None)
    assert (told["length"]["source"]["max"], told["length"]["target"]["max"]) == (5, 10)
    assert told["characters"]["target"] == {"count": 1, "known": "b"}
    assert sum(told["split"].values()) == 10
    assert all(count % 2 == 0 for count in told["split"].values())  # both translations of a text together
    assert told["examples"][0] == {"source": "a", "target": "b"}
    assert inspect_pairs(pairs, pairs)["leakage"] == {"validation": 10}


def test_looking_at_data_does_not_load_torch():
    folder = Path(inspection.__file__).parent
    names = [path.stem for path in folder.glob("*.py") if path.stem not in ("__init__", "batches")]
    code = "import sys\n" + "".join(f"import undertow.data.{name}\n" for name in names)
    subprocess.run([sys.executable, "-c", code + "assert 'torch' not in sys.modules"], check=True)
