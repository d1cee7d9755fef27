"""Trees in brackets: (3 (2 The) (4 (2 best) (3 film))), as the Penn Treebank and the Stanford Sentiment Treebank write.

A node is a label and then a word, or other nodes. Nodes are numbered children first, the root last.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from undertow.data.decode import lines, text_chunks
from undertow.data.source import check_file
from undertow.data.table import BLOCK
from undertow.errors import DataError

PIECE = re.compile(r"\(|\)|[^\s()]+|\n", re.ASCII)  # a no-break space is part of a word: "2 1/2"
CUT = re.compile(r"[^\s()]*", re.ASCII)
BRACKETS = {"-LRB-": "(", "-RRB-": ")", "-LCB-": "{", "-RCB-": "}", "-LSB-": "[", "-RSB-": "]"}
SHOWN = 40  # characters of a word in a message


@dataclass(frozen=True)
class Tree:
    """One tree; every list has an entry a node, children before their parent, the root last."""

    labels: tuple[str, ...]
    words: tuple[str, ...]  # of a leaf; empty at inner nodes
    children: tuple[tuple[int, ...], ...]
    line: int = 0  # of the file, where it begins

    @property
    def leaves(self) -> list[int]:
        """From left to right."""
        return [node for node, below in enumerate(self.children) if not below]

    @property
    def text(self) -> str:
        """Its words, a space between them."""
        return " ".join(self.words[leaf] for leaf in self.leaves)

    def subtree(self, node: int) -> Tree:
        """What hangs below a node, as a tree of its own: a phrase."""
        inside = sorted(self._below(node))
        new = {old: number for number, old in enumerate(inside)}
        return Tree(
            tuple(self.labels[n] for n in inside),
            tuple(self.words[n] for n in inside),
            tuple(tuple(new[c] for c in self.children[n]) for n in inside),
            self.line,
        )

    def _below(self, node: int) -> Iterator[int]:
        waiting = [node]
        while waiting:
            one = waiting.pop()
            yield one
            waiting += self.children[one]


def rooted(tree: Tree) -> Tree:
    """The Penn Treebank puts brackets without a label around each tree: the root's label is then the one inside."""
    node = len(tree.labels) - 1
    while not tree.labels[node] and len(tree.children[node]) == 1:
        (node,) = tree.children[node]
    return replace(tree, labels=(*tree.labels[:-1], tree.labels[node]))


@dataclass
class _Open:
    """A node whose closing bracket has not come yet."""

    line: int
    label: str = ""
    word: str = ""
    children: list[int] = field(default_factory=list)


@dataclass
class _Growing:
    """A tree that is being read."""

    path: str | Path
    nodes: list[_Open] = field(default_factory=list)
    stack: list[_Open] = field(default_factory=list)

    def take(self, piece: str, line: int) -> None:
        if piece == "(":
            self._may_open(line)
            self.stack.append(_Open(line))
        elif piece == ")":
            self._close(line)
        else:
            self._name(piece, line)

    def _may_open(self, line: int) -> None:
        if self.stack and self.stack[-1].word:
            raise DataError(
                f"{self.path}, line {line}: a node holds the word {_short(self.stack[-1].word)} and other nodes. "
                "A node is (LABEL WORD) or (LABEL NODE NODE ...)."
            )

    def _name(self, piece: str, line: int) -> None:
        if not self.stack:
            raise DataError(
                f"{self.path}, line {line}: {_short(piece)} stands outside of a tree. A line is one tree in brackets."
            )
        node = self.stack[-1]
        if not node.label and not node.children:
            node.label = piece
        elif node.word or node.children:
            raise DataError(
                f"{self.path}, line {line}: {_short(piece)} comes after a node's word or its nodes. "
                "A word of several parts is written as one, or as nodes of their own."
            )
        else:
            node.word = BRACKETS.get(piece, piece)

    def _close(self, line: int) -> None:
        if not self.stack:
            raise DataError(f"{self.path}, line {line}: a bracket is closed that was not opened.")
        node = self.stack.pop()
        if not node.word and not node.children:
            raise DataError(
                f"{self.path}, line {line}: the node ({node.label}) has neither a word nor nodes below it."
            )
        self.nodes.append(node)
        if self.stack:
            self.stack[-1].children.append(len(self.nodes) - 1)

    def done(self) -> Tree:
        return Tree(
            tuple(node.label for node in self.nodes),
            tuple(node.word for node in self.nodes),
            tuple(tuple(node.children) for node in self.nodes),
            self.nodes[-1].line,
        )


def _short(word: str) -> str:
    return repr(word if len(word) <= SHOWN else word[:SHOWN] + "…")


def trees(path: str | Path, *, encoding: str = "utf-8") -> Iterator[Tree]:
    """What trees does the file hold? A tree may go over several lines, and a line may hold several.

    Args:
        path: of the file; .gz is unpacked.
        encoding: of its characters.

    Raises:
        DataError: brackets that do not match, a node without a word or with a word and nodes, text outside of trees;
            says the line.
        SettingError: an unknown encoding.
    """
    check_file(path, encoding=encoding)
    yield from _grown(path, _pieces(path, encoding), 1)


def trees_in(text: str) -> list[Tree]:
    """What trees does this string hold?

    Raises:
        DataError: none, or one that cannot be read.
    """
    found = list(_grown("the input", PIECE.findall(text), 1))
    if not found:
        raise DataError(
            "The input holds no tree. A tree stands in brackets: (3 (2 A) (4 (2 fine) (3 film)))."
        )
    return found


def sound_trees(path: str | Path, *, encoding: str = "utf-8") -> Iterator[tuple[int, Tree | None]]:
    """What trees does the file hold, and which of its lines hold none?

    A bad tree can be left out only where a line is a tree: where at least half of the lines are whole
    trees, each line is read on its own. Any other file is read as by `trees`, which stops at the first fault.

    Args:
        path: of the file; .gz is unpacked.
        encoding: of its characters.

    Yields:
        The line where a tree begins, and the tree; None for a line that is no tree.

    Raises:
        DataError: a fault in a file of trees over several lines.
        SettingError: an unknown encoding.
    """
    check_file(path, encoding=encoding)
    whole = [found is not None for _, found in _by_line(path, encoding)]
    if 2 * sum(whole) < len(whole):
        yield from ((tree.line, tree) for tree in trees(path, encoding=encoding))
        return
    for number, found in _by_line(path, encoding):
        if found is None:
            yield number, None
        else:
            yield from ((number, tree) for tree in found)


def _by_line(path: str | Path, encoding: str) -> Iterator[tuple[int, list[Tree] | None]]:
    """The trees of every line that is not blank; None where it is not whole trees."""
    for number, line in lines(path, encoding, BLOCK):
        if line is None:
            yield number, None
        elif line.strip():
            try:
                yield number, list(_grown(path, PIECE.findall(line), number))
            except DataError:
                yield number, None


def _grown(path: str | Path, pieces: Iterable[str], line: int) -> Iterator[Tree]:
    growing = _Growing(path)
    for piece in pieces:
        if piece == "\n":
            line += 1
            continue
        growing.take(piece, line)
        if growing.nodes and not growing.stack:
            yield growing.done()
            growing = _Growing(path)
    if growing.stack:
        raise DataError(
            f"{path}: the tree that begins in line {growing.stack[0].line} is not closed: {len(growing.stack)} "
            f"bracket{'s' if len(growing.stack) > 1 else ''} missing at its end."
        )


def _pieces(path: str | Path, encoding: str) -> Iterator[str]:
    """Brackets, words and line ends; a word that a chunk's border cuts is put together."""
    rest = ""
    for chunk in text_chunks(path, encoding):
        text = rest + chunk
        cut = len(text) - len(CUT.match(text[::-1])[0])  # type: ignore[index]
        rest = text[cut:]
        yield from PIECE.findall(text[:cut])
    yield from PIECE.findall(rest)
