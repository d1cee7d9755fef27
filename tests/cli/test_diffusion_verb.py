"""diffusion on the command line: train, score, inspect, resume, and what is refused."""

import json

import pytest

TINY = ["--data", "ring", "--noise-steps", "8", "--sampling-steps", "4", "--width", "8", "--steps", "6",
        "--validations", "2", "--watch", "0", "--quiet"]  # fmt: skip


def test_trained_scored_and_looked_at(undertow):
    answer = undertow("train", "diffusion", *TINY, "--out", "run")
    assert answer.status == 0, answer.err
    for told in ("How good, in nats a point", "(the mixture itself)", "L_0: the last step", "At most"):
        assert told in answer.out
    again = undertow("score", "run")
    assert again.status == 0
    assert again.out == answer.out
    record = json.loads(undertow("score", "run", "--json").out)
    assert record["recipe"] == "diffusion"
    assert len(record["test"]["bound"]["steps"]) == 7
    other = undertow("score", "run", "--data", "grid")
    assert other.status == 0
    assert "(the mixture itself)" not in other.out
    assert undertow("resume", "run", "--quiet").status == 0


def test_what_is_understood_of_points(undertow):
    answer = undertow("inspect", "diffusion", "grid")
    assert answer.status == 0
    assert "50,000" in answer.out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--data", "nowhere.gz"], "nowhere.gz does not exist"),
        (["--data", "ring", "grid"], "one file, folder or mixture"),
        (["--data", "ring", "--noise-steps", "1"], "at least 2 steps"),
        (["--data", "ring", "--eta", "2"], "--eta must lie from 0 to 1"),
        (["--data", "ring", "--average", "1"], "--average must be at least 0 and below 1"),
        (["--data", "ring", "--schedule", "square"], "--schedule"),
    ],
)
def test_refused_with_status_2(undertow, words, told):
    answer = undertow("train", "diffusion", *words)
    assert answer.status == 2
    assert told in " ".join(answer.err.split())
