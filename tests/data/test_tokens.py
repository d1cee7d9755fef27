import copy
import json
import pickle
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from undertow.data.tokens import UNKNOWN, Tokens, split_words
from undertow.errors import DataError, MissingExtraError, SettingError

TEXTS = ["The cat sat.", "the cat, the hat!", "a Cat"]
WORDS = Tokens.of(TEXTS, "words", lower=True)
MESSAGE = r'pip install "undertow\[text\]"'


@pytest.fixture(scope="module")
def subwords():
    pytest.importorskip("tokenizers")
    return Tokens.of([*TEXTS, "scattered hats, cats and chats"] * 3, "subwords", lower=False, most=40)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("It's great!", ["It's", "great", "!"]),
        ("(well-known) 'quoted' \"too\"", ["(", "well-known", ")", "'", "quoted", "'", '"', "too", '"']),
        (
            "3.5 of 1,000.50, at 10:30 or .5%",
            ["3.5", "of", "1,000.50", ",", "at", "10:30", "or", ".5", "%"],
        ),
        ("Mr. Bond, U.S. agent.", ["Mr.", "Bond", ",", "U.S.", "agent", "."]),
        ("wait... no--yes!!! what?!", ["wait", "...", "no", "--", "yes", "!!!", "what", "?!"]),
        ("nice :-) :D <3 ok:", ["nice", ":-)", ":D", "<3", "ok", ":"]),
        (
            "see http://a.b/c?d=1, or me@b.com",
            ["see", "http://a.b/c?d=1", ",", "or", "me@b.com"],
        ),
        ("naïve l’été, e\u0301te\u0301", ["naïve", "l’été", ",", "e\u0301te\u0301"]),
        ("हिन्दी में।", ["हिन्दी", "में", "।"]),
        ("👍🏽👨\u200d👩\u200d👧😂😂", ["👍🏽", "👨\u200d👩\u200d👧", "😂", "😂"]),
        ("", []),
        (" \n\t\u00a0\u2000\u2028\u3000", []),
        ("!\u2003\u2003!", ["!", "!"]),
    ],
)
def test_words_by_hand(text, words):
    assert split_words(text, lower=False) == words


def test_a_treebank_comes_out_as_it_is():
    text = (
        "It do n't ca n't `` quote '' -LRB- his\\/her -RRB- the '90s , Mr. L. Jackson 's U.S. ... -- "
        "rock 'n' roll 'll 've 're 'd 'm 10-year-old \\*\\* $ 5 . ;"
    )
    assert split_words(text, lower=False) == text.split()
    assert split_words(text, lower=True) == text.lower().split()


@given(text=st.text())
def test_nothing_but_white_space_is_lost(text):
    assert "".join(split_words(text, lower=False)) == "".join(text.split())
    assert [len(word) for word in split_words(text, lower=True)] == [
        len(word) for word in split_words(text, lower=False)
    ]


def test_names_by_frequency_then_spelling():
    assert WORDS.names == ("(end)", "(unknown)", "cat", "the", "!", ",", ".", "a", "hat", "sat")
    assert Tokens.of(TEXTS, "words", lower=True, least=2).names == ("(end)", "(unknown)", "cat", "the")
    assert Tokens.of(TEXTS, "words", lower=True, most=3).names == ("(end)", "(unknown)", "cat")
    assert Tokens.of(["abb"], "characters", lower=False).names == ("(end)", "(unknown)", "b", "a")


def test_indices_by_hand():
    assert WORDS.encode("THE dog sat").tolist() == [3, 1, 9]
    assert WORDS.encode("THE dog sat").dtype == np.int64
    assert WORDS.encode("").tolist() == []
    assert WORDS.pieces("THE dog sat") == ["THE", "dog", "sat"]
    assert WORDS.decode([3, 1, 9, 0, 0]) == "the (unknown) sat"
    assert WORDS.unknown("The dog, a Dog, a bat") == ("bat", "dog")
    assert WORDS.size == 10


@given(text=st.text(), lower=st.booleans())
def test_characters_are_undone(text, lower):
    tokens = Tokens.of([text + "a"], "characters", lower)
    assert tokens.pieces(text) == list(text)
    assert len(tokens.encode(text)) == len(text)
    assert tokens.decode(tokens.encode(text)) == (text.replace("İ", "i").lower() if lower else text)


@given(text=st.text())
@pytest.mark.parametrize("units", ["words", "subwords"])
def test_one_piece_for_each_index(subwords, units, text):
    tokens = subwords if units == "subwords" else WORDS
    pieces = tokens.pieces(text)
    assert len(pieces) == len(tokens.encode(text))
    assert "".join(pieces).replace("▁", "") == "".join(text.split()).replace("▁", "")
    assert not set(tokens.unknown(text)) & set(tokens.names)


def test_subwords_agree_with_the_library(subwords):
    library = pytest.importorskip("tokenizers")
    numbers = {name: index for index, name in enumerate(subwords.names)}
    model = library.models.BPE(vocab=numbers, merges=list(subwords.merges), unk_token="(unknown)")
    oracle = library.Tokenizer(model)
    oracle.pre_tokenizer = library.pre_tokenizers.WhitespaceSplit()
    for text in [*TEXTS, "chattered hatchets scatter", "zebra that cats"]:
        marked = " ".join("▁" + part for part in text.replace(",", "").replace(".", "").split())
        plain = marked.replace("▁", "")
        assert subwords.encode(plain).tolist() == oracle.encode(marked).ids


def test_subwords_by_hand(subwords):
    assert subwords.size == 40
    assert subwords.pieces("the cats!") == ["▁the", "▁cats", "!"]
    assert subwords.decode(subwords.encode("the cats, a chat!")) == "the cats, a chat!"
    assert subwords.unknown("the zoo") == ("o", "z")
    assert subwords.encode("z" * 1000).tolist().count(1) == 1000


def test_most_bounds_the_subwords(subwords):
    assert Tokens.of(["abcdefgh" * 3], "subwords", lower=False, most=6).size == 6


def test_subwords_are_learnt_the_same_again(subwords):
    again = Tokens.of([*TEXTS, "scattered hats, cats and chats"] * 3, "subwords", lower=False, most=40)
    assert again == subwords


def test_written_subwords_need_no_library(subwords):
    script = (
        "import json, sys; sys.modules['tokenizers'] = None\n"
        "from undertow.data.tokens import Tokens\n"
        "print(Tokens.from_json(json.load(sys.stdin)).encode('the cats').tolist())"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], input=json.dumps(subwords.to_json()), capture_output=True, text=True
    )
    assert json.loads(done.stdout) == subwords.encode("the cats").tolist()


def test_a_missing_library_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(MissingExtraError, match=MESSAGE):
        Tokens.of(TEXTS, "subwords", lower=True)


@pytest.mark.parametrize("units", ["characters", "words", "subwords"])
def test_it_is_written_read_and_copied(subwords, units):
    tokens = subwords if units == "subwords" else Tokens.of(TEXTS, units, lower=True)
    tokens.encode("the cat")
    assert Tokens.from_json(json.loads(json.dumps(tokens.to_json()))) == tokens
    assert copy.deepcopy(tokens) == tokens
    assert pickle.loads(pickle.dumps(tokens)) == tokens  # noqa: S301


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"format": 3}, "Update undertow"),
        ({"format": "1"}, "not a table of units"),
        ({"units": "letters"}, "not a table of units"),
        ({"lower": 1}, "not a table of units"),
        ({"names": ["a", "b"]}, "begins with"),
        ({"names": ["(end)", "(unknown)", "a", "a"]}, "distinct"),
        ({"names": ["(end)", "(unknown)", 3]}, "distinct"),
        ({"merges": [["a", "b"]]}, "empty unless units are subwords"),
        ({"merges": [["a", "b"]], "units": "subwords"}, "must be two names"),
        ({"merges": None}, "must be a list"),
    ],
)
def test_another_record_is_refused(change, told):
    with pytest.raises(DataError, match=told):
        Tokens.from_json(WORDS.to_json() | change)


def test_what_cannot_be_learnt():
    with pytest.raises(SettingError, match="got 'letters'"):
        Tokens.of(TEXTS, "letters", lower=True)
    with pytest.raises(SettingError, match="least must be 1"):
        Tokens.of(TEXTS, "words", lower=True, least=0)
    with pytest.raises(SettingError, match="most must be 3 or more, got 2"):
        Tokens.of(TEXTS, "words", lower=True, most=2)
    with pytest.raises(DataError, match="no unit is seen 1 times"):
        Tokens.of([" ", ""], "words", lower=True)


@pytest.mark.parametrize("index", [-1, 10])
def test_index_outside_is_an_error(index):
    with pytest.raises(DataError, match=f"index {index} is not of these units, which have 0 to 9"):
        WORDS.decode([index])


def test_a_word_that_is_not_known_is_read_by_its_shape():
    texts = ["call 08712345 now", "call 0899999 now £1,000", "pay £50 or 10p", "20p a x9 x9"]
    plain, shaped = (Tokens.of(texts, "words", True, 2, shapes=shapes) for shapes in (False, True))
    assert plain.names[2:] == ("call", "now", "x9", "£")
    assert shaped.names[2:] == ("0", "0p", "call", "now", "x9", "£")  # 08712345, 0899999, 1,000, 50; 10p, 20p
    named = [shaped.names[n] for n in shaped.encode("call 5.5 or x9 now x8 30p £7")]
    assert named == ["call", "0", UNKNOWN, "x9", "now", UNKNOWN, "0p", "£", "0"]
    assert shaped.unknown("x9 x8 99") == ("x8",)
    assert Tokens.from_json(json.loads(json.dumps(shaped.to_json()))) == shaped
    assert (plain.to_json()["format"], shaped.to_json()["format"]) == (1, 2)
    assert Tokens.of(texts, "characters", True, shapes=True).shapes is False
