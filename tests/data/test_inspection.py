import json
import subprocess
import sys
from pathlib import Path

from undertow.data import inspection
from undertow.data.inspection import inspect_strings, inspect_text
from undertow.data.longtext import read_text
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


def test_looking_at_data_does_not_load_torch():
    folder = Path(inspection.__file__).parent
    names = [path.stem for path in folder.glob("*.py") if path.stem not in ("__init__", "batches")]
    code = "import sys\n" + "".join(f"import undertow.data.{name}\n" for name in names)
    subprocess.run([sys.executable, "-c", code + "assert 'torch' not in sys.modules"], check=True)
