"""Files are whole or not there, and a refusal of the system becomes one sentence."""

import errno
import os
import resource
import stat
from pathlib import Path

import pytest

from undertow.errors import RunError, StorageError
from undertow.training.storage import make_folder, read_json, write_atomic, write_json

REFUSALS = pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.ENOSPC, "the disk is full: free some space"),
        (errno.EDQUOT, "your disk quota is used up"),
        (errno.EROFS, "the disk is read-only"),
        (errno.EACCES, "permission is denied"),
        (errno.EIO, "the disk reports an error"),
        (errno.ENODEV, os.strerror(errno.ENODEV)),
    ],
)


def refuse(number):
    def call(*_args, **_kwargs):
        raise OSError(number, os.strerror(number))

    return call


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def old(tmp_path):
    write_atomic(tmp_path / "file", b"old")
    return tmp_path / "file"


@REFUSALS
@pytest.mark.parametrize("call", ["os.fsync", "os.fdopen", "tempfile.mkstemp", "pathlib.Path.replace"])
def test_a_refused_write_leaves_the_old_file_and_nothing_else(old, monkeypatch, call, number, reason):
    monkeypatch.setattr(call, refuse(number))
    with pytest.raises(StorageError) as caught:
        write_atomic(old, b"new")
    assert str(caught.value).startswith(f"Cannot write {old}: {reason}")
    assert str(caught.value).endswith("What was written before is whole.")
    assert caught.value.exit_code == 2
    assert old.read_bytes() == b"old"
    assert names(old.parent) == ["file"]


@pytest.mark.parametrize("blow", [KeyboardInterrupt, MemoryError])
def test_an_interruption_leaves_the_old_file_and_nothing_else(old, monkeypatch, blow):
    def interrupted(_handle):
        raise blow

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(blow):
        write_atomic(old, b"new")
    assert old.read_bytes() == b"old"
    assert names(old.parent) == ["file"]


def test_a_file_past_the_system_limit_is_refused_for_real(old):
    """RLIMIT_FSIZE makes the kernel itself refuse, half way through the write."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(StorageError, match="larger than this system allows"):
            write_atomic(old, bytes(1_000_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert old.read_bytes() == b"old"
    assert names(old.parent) == ["file"]


def test_the_new_file_is_synced_before_it_takes_the_old_one_s_place(old, monkeypatch):
    happened = []
    fsync, replace = os.fsync, Path.replace
    monkeypatch.setattr(
        os,
        "fsync",
        lambda handle: (happened.append(stat.S_ISDIR(os.fstat(handle).st_mode)), fsync(handle))[1],
    )
    monkeypatch.setattr(Path, "replace", lambda path, to: (happened.append("rename"), replace(path, to))[1])
    write_atomic(old, b"new")
    assert happened == [False, "rename", True]  # the file, the rename, then the folder
    assert old.read_bytes() == b"new"
    assert old.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("data", [b"", b"x" * 3_000_000])
def test_any_length(tmp_path, data):
    write_atomic(tmp_path / "file", data)
    assert (tmp_path / "file").read_bytes() == data


def test_places_that_cannot_be(tmp_path, old):
    with pytest.raises(StorageError, match="part of the path is a file"):
        make_folder(old / "run")
    with pytest.raises(StorageError, match=r"Cannot write .*nowhere"):
        write_atomic(tmp_path / "nowhere" / "file", b"")


def test_a_folder_that_is_read_only(tmp_path):
    tmp_path.chmod(0o555)
    user = os.geteuid()
    if not user:  # nothing is read-only for root: be nobody for a moment
        os.seteuid(65534)
    try:
        with pytest.raises(StorageError, match="permission is denied: choose another place with --out"):
            make_folder(tmp_path / "run")
    finally:
        os.seteuid(user)


def test_json_round_trip(tmp_path):
    value = {"name": "Čajkovskij", "list": [1, 2.5, None, True], "nested": {"e": 1e-300}}
    write_json(tmp_path / "a.json", value)
    assert read_json(tmp_path / "a.json") == value
    assert (tmp_path / "a.json").read_bytes().endswith(b"}\n")


@pytest.mark.parametrize("damaged", [b"", b"{", b'{"a": 1', b"\xff\xfe", b"\0\0", b'{"a": 1} more'])
def test_damaged_json(tmp_path, damaged):
    (tmp_path / "a.json").write_bytes(damaged)
    with pytest.raises(RunError, match=r"a\.json is damaged \(.*Restore it from a copy, or train again"):
        read_json(tmp_path / "a.json")


def test_missing_json(tmp_path):
    with pytest.raises(RunError, match=r"a\.json is missing"):
        read_json(tmp_path / "a.json")
    with pytest.raises(RunError, match="is damaged"):
        read_json(tmp_path)
