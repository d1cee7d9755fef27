"""A wrong table ends a process of its own with status 2: no thread of a library takes it down on the way out."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("turn", range(4))
def test_a_wrong_table_ends_with_two(tmp_path, turn):
    (tmp_path / "unequal.csv").write_text("text,label\nfine,1\nbad\nx,0\n")
    command = [sys.executable, "-m", "undertow", "inspect", "classify", "unequal.csv"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("undertow: unequal.csv, row 3: 1 values where the header has 2.")
    assert done.stderr.count("\n") == 1
