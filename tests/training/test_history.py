"""A history keeps what happened through kills at any byte."""

import os

import msgspec
import pytest

from undertow.errors import RunError, StorageError
from undertow.training.history import HistoryWriter, read_history

TOLD = [("start", 0), ("step", 1), ("step", 5), ("validation", 5), ("step", 9)]


def write(path, events, **values):
    writer = HistoryWriter(path)
    for event, step in events:
        writer.add(event, step, **values)
    writer.close()


def read(path):
    return [(event["event"], event["step"]) for event in read_history(path).events]


@pytest.fixture
def path(tmp_path):
    write(tmp_path / "history.jsonl", TOLD, loss=1.5)
    return tmp_path / "history.jsonl"


def test_round_trip(path):
    assert read(path) == TOLD
    assert read_history(path).of("step") == [{"event": "step", "step": n, "loss": 1.5} for n in (1, 5, 9)]
    assert [msgspec.json.decode(line)["loss"] for line in path.read_bytes().splitlines()] == [1.5] * 5


def test_no_file_is_no_history(tmp_path):
    assert read_history(tmp_path / "history.jsonl").events == ()


def test_it_is_append_only(path):
    before = path.read_bytes()
    write(path, [("resume", 5), ("step", 6)])
    assert path.read_bytes().startswith(before)


@pytest.mark.parametrize(
    ("more", "left"),
    [
        ([("resume", 5), ("step", 6)], [*TOLD[:4], ("resume", 5), ("step", 6)]),
        ([("resume", 0)], [TOLD[0], ("resume", 0)]),
        ([("resume", 9)], [*TOLD, ("resume", 9)]),
        ([("resume", 5), ("step", 7), ("resume", 6)], [*TOLD[:4], ("resume", 5), ("resume", 6)]),
        ([("start", 0), ("step", 1)], [("start", 0), ("step", 1)]),  # killed before the first checkpoint
    ],
)
def test_a_resume_takes_back_what_came_after_it(path, more, left):
    write(path, more)
    assert read(path) == left


def test_a_kill_at_any_byte_loses_at_most_the_last_line(path):
    data = path.read_bytes()
    ends = [n for n, byte in enumerate(data, start=1) if byte == 10]
    for cut in range(len(data)):
        path.write_bytes(data[:cut])
        whole = sum(end <= cut or end == cut + 1 for end in ends)  # without its line end it can still be read
        assert read(path) == TOLD[:whole]


@pytest.mark.parametrize("kills", [1, 2, 3])
@pytest.mark.parametrize("again", [("resume", 0), ("start", 0)])
def test_it_goes_on_after_kills_at_any_byte(path, kills, again):
    """Also where the line that a resume writes is itself cut short, as on a disk that is still full."""
    data, cut = path.read_bytes(), msgspec.json.encode({"event": again[0], "step": 0})
    for left in range(1, len(cut)):
        path.write_bytes(data[:-7] + (b"\n" + cut[:left]) * (kills - 1))
        write(path, [again, ("step", 1)])
        assert read(path)[-2:] == [again, ("step", 1)]
        assert (TOLD[0] in read(path)) is (again[0] == "resume") or again == TOLD[0]


@pytest.mark.parametrize("damage", [b"{", b"[]", b'{"event":"step"}', b"\xff\xff", b"\0\0\0", b'{"step":3}'])
def test_a_damaged_line_in_the_middle_is_told(path, damage):
    lines = path.read_bytes().splitlines()
    path.write_bytes(b"\n".join([*lines[:2], damage, *lines[3:]]) + b"\n")
    with pytest.raises(RunError, match=r"history\.jsonl, line 3, is damaged"):
        read_history(path)


@pytest.mark.parametrize("ragged", [b'{"event":"st', b'{"event":"step","step":12}', b"{"])
def test_a_writer_mends_a_ragged_end(path, ragged):
    path.write_bytes(path.read_bytes() + ragged)
    write(path, [("resume", 9)])
    lines = path.read_bytes().split(b"\n")
    assert lines[-3:] == [ragged, b'{"event":"resume","step":9}', b""]
    assert read(path) == [*TOLD, ("resume", 9)]


def test_each_line_is_there_at_once(tmp_path):
    writer = HistoryWriter(tmp_path / "h")
    writer.add("start", 0)
    assert read(tmp_path / "h") == [("start", 0)]
    writer.close()


def test_a_full_disk_is_one_sentence(tmp_path, monkeypatch):
    writer = HistoryWriter(tmp_path / "h")
    writer.add("start", 0)

    def full(_handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="the disk is full"):
        writer.close()
    assert read(tmp_path / "h") == [("start", 0)]
    with pytest.raises(StorageError, match="part of the path is a file"):
        HistoryWriter(tmp_path / "h" / "h")
