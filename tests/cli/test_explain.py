"""undertow explain RUN TEXT: the parts sum to the whole, and wrong words are refused."""

import json
import math

import pytest


@pytest.mark.parametrize("method", ["gradient", "integrated", "occlusion"])
def test_a_choice_is_taken_apart(undertow, text_run, method):
    answer = undertow("explain", text_run, "grain by", "--method", method, "--json")
    assert answer.status == 0, answer.err
    found = json.loads(answer.out)
    assert found["characters"] == list("grain by")
    assert len(found["contributions"]) == 8
    assert found["log_p"] < 0
    assert set(found["share_of_last"]) == {"1", "2", "5"}
    if method == "integrated":
        assert sum(found["contributions"]) == pytest.approx(found["log_p"] - found["without"], abs=1e-3)


def test_the_beginning_and_the_end_count_where_strings_end(undertow, names_run):
    found = json.loads(undertow("explain", names_run, "Tin", "--next", "", "--json").out)
    assert found["characters"] == ["(begin)", "T", "i", "n"]
    assert found["next"] == "(end)"
    named = json.loads(undertow("explain", names_run, "Tin", "--next", "i", "--json").out)
    assert named["next"] == "i"
    assert not math.isclose(named["log_p"], found["log_p"])


def test_a_table_for_people(undertow, text_run):
    answer = undertow("explain", text_run, "by grain ")
    assert answer.status == 0
    assert "comes next with p = 0." in answer.out
    assert "' '" in answer.out
    assert "Of all that is contributed, either way: the last 1:" in answer.out


def test_wrong_words_are_refused(refused, text_run):
    assert "'Q'" in refused("explain", text_run, "Quiet")
    assert "--next takes one character, got 'ab'" in refused("explain", text_run, "grain", "--next", "ab")
    assert "at least one character" in refused("explain", text_run, "")
