"""The options of `tree`: its files, its network, its training; and the cells there are for trees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from undertow.errors import SettingError
from undertow.shapes import check_share, check_size
from undertow.tasks.remarks import check_held_out
from undertow.tasks.tree_parts import TreeFiles
from undertow.training.options import Training
from undertow.unroll.trees.child_sum import ChildSumTreeLSTM
from undertow.unroll.trees.nary import NaryTreeLSTM
from undertow.unroll.trees.recursive import Recursive
from undertow.unroll.trees.tree_cell import TreeCell

CELLS: dict[str, type[TreeCell]] = {
    "n-ary": NaryTreeLSTM,
    "child-sum": ChildSumTreeLSTM,
    "recursive": Recursive,
}


@dataclass(frozen=True)
class TreeOptions(Training, TreeFiles):
    """Train a network on trees in brackets with a label at every node."""

    merge: tuple[str, ...] = ()
    """Classes made of labels: negative=0,1 positive=3,4. Nodes with other labels are left out."""
    keep_case: bool = False
    """Capital letters are told from small ones."""
    least: int = 2
    """A word is known that is met so often in training; others are read as one unknown word."""
    vectors: str | None = None
    """Vectors of words learned elsewhere: a GloVe or word2vec text file, a safetensors table with its vocabulary, or an
    installed package that holds one."""
    fixed_vectors: bool = False
    """They are not trained on."""
    cell: Literal["n-ary", "child-sum", "recursive"] = "n-ary"
    """n-ary: Tree-LSTM with weights a place; child-sum: of any number of children; recursive: the plain one."""
    hidden: int = 150
    """Units of a node."""
    embedding: int = 100
    """Features a word is given; of --vectors, as many as they have."""
    dropout: float = 0.5
    """Share dropped of the embedding, and before the readout."""
    word_dropout: float = 0.1
    """Share of the words that are read as unknown, in training."""
    keep: Literal["nats", "accuracy"] = "accuracy"
    """By what the best weights are told on the validation part, at the roots."""
    roots_only: bool = False
    """Learn from the labels of whole sentences alone."""
    learning_rate: float = 6e-3
    """Peak of the schedule."""
    batch: int = 25
    """Trees a step."""
    weight_decay: float = 1e-3
    """Decoupled decay of matrices; vectors are left alone."""

    def check(self) -> None:
        """Refuse settings that are out of range."""
        Training.check(self)
        for name in ("hidden", "embedding", "least"):
            check_size(getattr(self, name), f"--{name}", "The network")
        for name in ("dropout", "word_dropout"):
            check_share(getattr(self, name), f"--{name.replace('_', '-')}", "The network")
        check_held_out(self)
        if self.fixed_vectors and not self.vectors:
            raise SettingError("--fixed-vectors goes with --vectors FILE.")


def cell_of(options: TreeOptions) -> TreeCell:
    """The cell that the options name."""
    return CELLS[options.cell](options.embedding, options.hidden)
