"""Every rule has a page, remedies that are sentences, and consequences that exist."""

import re

import pytest

from undertow.doctor.examine import ordered
from undertow.doctor.remedy import sentence
from undertow.doctor.rule import every_rule
from undertow.doctor.verdict import Verdict

RULES = {rule.code: rule for rule in every_rule()}
PARTS = ("Sign", "Harm", "Looks like it", "Remedy", "Sources", "Planted")


def test_there_are_thirty_two():
    assert len(RULES) == 32
    assert sorted({code[0] for code in RULES}) == ["D", "L", "T"]


@pytest.mark.parametrize("code", sorted(RULES))
def test_a_page_says_all_of_it(code):
    rule = RULES[code]
    found = re.findall(r"^([A-Z][a-z ]+):", rule.page, re.MULTILINE)
    assert [part for part in found if part in PARTS] == list(PARTS)
    assert rule.remedies
    assert all(sentence(remedy).endswith(".") for remedy in rule.remedies)
    assert set(rule.explains) <= set(RULES) - {code}


def said(*codes, confidence=0.9):
    return [Verdict(code, RULES[code].name, confidence, "") for code in codes]


def test_a_cause_stands_before_what_it_causes():
    rows = ordered(said("L103", "D102", "D103"), every_rule())
    assert [v.code for v in rows] == ["D102", "L103", "D103"]
    assert [v.because_of for v in rows] == [(), ("D102",), ("D102", "L103")]
    assert [v.rank for v in rows] == [1, 2, 3]


def test_of_equal_causes_the_surer_one_stands_first():
    rows = ordered([*said("L106", confidence=0.7), *said("D107", confidence=0.9)], every_rule())
    assert [v.code for v in rows] == ["D107", "L106"]
