"""Trees in brackets: what is read, and what is said of a file that is none."""

import gzip
import time

import pytest

from undertow.data import decode
from undertow.data.trees import sound_trees, trees
from undertow.errors import DataError


def written(folder, text, name="trees.txt"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_tree_is_read_children_first(tmp_path):
    (tree,) = trees(written(tmp_path, "(3 (2 The) (4 (2 best) (3 film)))\n"))
    assert tree.labels == ("2", "2", "3", "4", "3")
    assert tree.words == ("The", "best", "film", "", "")
    assert tree.children == ((), (), (), (1, 2), (0, 3))
    assert (tree.text, tree.leaves, tree.line) == ("The best film", [0, 1, 2], 1)


def test_a_phrase_is_a_tree(tmp_path):
    (tree,) = trees(written(tmp_path, "(3 (2 The) (4 (2 best) (3 film)))"))
    phrase = tree.subtree(3)
    assert (phrase.labels, phrase.words, phrase.children) == (
        ("2", "3", "4"),
        ("best", "film", ""),
        ((), (), (0, 1)),
    )


def test_trees_over_several_lines_and_several_in_one(tmp_path):
    found = list(trees(written(tmp_path, "\n(S (NP we)\n  (VP (V ran)))\n\n(S a) (S b)\n")))
    assert [(t.text, t.line) for t in found] == [("we ran", 2), ("a", 5), ("b", 5)]
    assert found[0].children == ((), (), (1,), (0, 2))


def test_escaped_brackets_are_brackets(tmp_path):
    (tree,) = trees(written(tmp_path, "(2 (2 -LRB-) (2 -RRB-))"))
    assert tree.text == "( )"


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_a_words_letters_stay_together_wherever_a_chunk_ends(tmp_path, monkeypatch, size):
    text = "(3 (2 The) (4 (2 bést) (3 film)))\n(1 (2 not) (2 so))"
    path = written(tmp_path, text)
    whole = list(trees(path))
    chunks = decode.text_chunks
    monkeypatch.setattr("undertow.data.trees.text_chunks", lambda p, e: chunks(p, e, size=size))
    assert list(trees(path)) == whole


def test_a_packed_file(tmp_path):
    path = tmp_path / "trees.txt.gz"
    path.write_bytes(gzip.compress(b"(1 (2 a) (0 b))"))
    assert [t.text for t in trees(path)] == ["a b"]


def test_a_deep_tree_needs_no_deep_stack(tmp_path):
    depth = 30_000
    (tree,) = trees(written(tmp_path, "(1 (2 a) " * depth + "(2 b)" + ")" * depth))
    assert len(tree.labels) == 2 * depth + 1
    assert len(tree.subtree(len(tree.labels) - 1).labels) == 2 * depth + 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("(1 (2 a)\n(2 b)", r"the tree that begins in line 1 is not closed: 1 bracket missing"),
        ("(1 (2 (3 a)", "2 brackets missing"),
        ("(1 a)\n(2 b))", r"line 2: a bracket is closed that was not opened"),
        ("(1 a)\nhello", r"line 2: 'hello' stands outside of a tree"),
        ("(1 ())", r"line 1: the node \(\) has neither a word nor nodes"),
        ("(1 a (2 b))", r"line 1: a node holds the word 'a' and other nodes"),
        ("(1 (2 b) a)", r"line 1: 'a' comes after a node's word or its nodes"),
        ("(1 a b)", r"line 1: 'b' comes after a node's word"),
        ("(1 a " + "x" * 100 + ")", r"'x{40}…' comes after"),
    ],
)
def test_what_is_no_tree_is_said_with_its_line(tmp_path, text, told):
    with pytest.raises(DataError, match=told):
        list(trees(written(tmp_path, text)))


def test_a_no_break_space_is_part_of_a_word(tmp_path):
    (tree,) = trees(written(tmp_path, "(2 (2 2\xa01/2) (2 stars))"))
    assert [tree.words[leaf] for leaf in tree.leaves] == ["2\xa01/2", "stars"]


def test_a_word_of_ten_megabytes_is_read_in_time(tmp_path):
    start = time.perf_counter()
    (tree,) = trees(written(tmp_path, f"(2 (2 {'x' * 10_000_000}) (2 b))"))
    assert len(tree.words[0]) == 10_000_000
    assert time.perf_counter() - start < 5


def test_bad_lines_among_good_ones_are_told(tmp_path):
    text = "(1 a)\n(1 (2 b)\n\n(3 c) (3 d)\nhello\n(4 e)\n(5 f))\n(6 g)"
    found = [(line, tree and tree.text) for line, tree in sound_trees(written(tmp_path, text))]
    assert found == [(1, "a"), (2, None), (4, "c"), (4, "d"), (5, None), (6, "e"), (7, None), (8, "g")]


def test_of_trees_over_several_lines_none_is_left_out(tmp_path):
    text = "(S (NP we)\n  (VP ran))\n(S (NP they)\n  (VP sat))\n"
    assert [tree.text for _, tree in sound_trees(written(tmp_path, text))] == ["we ran", "they sat"]
    with pytest.raises(DataError, match=r"line 5: a bracket is closed that was not opened"):
        list(sound_trees(written(tmp_path, text + ")")))
