"""The options of `classify`: its files, its network, its training."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from undertow.data.tokens import Units
from undertow.errors import SettingError
from undertow.shapes import check_share
from undertow.tasks.labelled_parts import LabelledFiles
from undertow.tasks.network import Layers
from undertow.training.options import Training

RECURRENT = ("cell", "cell_options", "hidden", "directions", "variational", "weight_drop", "zoneout")
ATTENDING = ("heads",)


@dataclass(frozen=True)
class ClassifyOptions(Training, Layers, LabelledFiles):
    """Train a network on a table of texts and labels."""

    merge: tuple[str, ...] = ()
    """Classes made of labels: negative=0,1 positive=3,4. Rows with other labels are left out."""
    levels: int | None = None
    """Labels are numbers: cut them into so many classes, each with as many training texts."""
    units: Units = "words"
    """What a text is cut into. subwords are learned from the training texts."""
    keep_case: bool = False
    """Capital letters are told from small ones."""
    most_tokens: int = 30_000
    """Most units that are known, the most frequent ones."""
    least: int = 2
    """A unit is known that is met so often in training; others are read as one unknown unit."""
    longest: int = 400
    """Units that are read of a text; of a longer text the last ones."""
    shuffle_words: bool = False
    """Read the units of each text in random order, in training and in the score: what does their order bring?"""
    vectors: str | None = None
    """Vectors of words learned elsewhere: a GloVe or word2vec text file, a safetensors table with its vocabulary, or an
    installed package that holds one."""
    fixed_vectors: bool = False
    """They are not trained on."""
    directions: Literal[1, 2] = 2
    """1: read from the front; 2: from the end, too."""
    encoder: Literal["recurrent", "self-attention"] = "recurrent"
    """What reads: the recurrent cell; or blocks of self-attention, --layers of them, of --embedding features."""
    heads: int = 4
    """Of self-attention; they must divide --embedding."""
    positions: Literal["none", "sines", "learned"] | None = None
    """What a step is told of its place. Without it: none for recurrent layers, sines for self-attention."""
    pooling: Literal["last", "mean", "max", "attention"] | None = None
    """How one vector is made of all steps: the last state; or the mean, the largest, a learned average over steps.
    None: the largest; the mean for self-attention."""
    class_weights: Literal["none", "balanced"] = "none"
    """balanced: rare classes weigh more, so that all classes weigh the same together."""
    keep: Literal["nats", "accuracy"] = "nats"
    """By what the best weights are told on the validation part."""
    word_dropout: float = 0.1
    """Share of the units that are read as unknown, in training."""
    hidden: int = 128
    """Units a layer and direction."""
    layers: int = 1
    """Layers, one above the other."""
    embedding: int = 128
    """Features a unit is given; of --vectors, as many as they have."""
    dropout: float = 0.5
    """Share dropped of the embedding, between layers, and before the readout."""
    learning_rate: float | None = None  # type: ignore[assignment]
    """Peak of the schedule. None: 6e-3; 1e-3 for self-attention."""
    batch: int = 32
    """Texts a step."""
    weight_decay: float = 1e-3
    """Decoupled decay of matrices; vectors are left alone."""

    def check(self) -> None:
        """Refuse settings that are out of range."""
        Training.check(self)
        Layers.check(self)
        check_share(self.word_dropout, "--word-dropout", "The network")
        self.check_files()
        if self.merge and self.levels:
            raise SettingError("Give one of --merge and --levels.")
        if self.levels is not None and self.levels < 2:
            raise SettingError(f"--levels must be at least 2, got {self.levels}.")
        for name, least in {"least": 1, "longest": 1, "most_tokens": 3, "max_length": 1}.items():
            if getattr(self, name) < least:
                raise SettingError(
                    f"--{name.replace('_', '-')} must be at least {least}, got {getattr(self, name)}."
                )
        self._check_encoder()
        if self.fixed_vectors and not self.vectors:
            raise SettingError("--fixed-vectors goes with --vectors FILE.")

    def settled(self) -> ClassifyOptions:
        """What was left open is chosen."""
        attending = self.encoder == "self-attention"
        return replace(
            self,
            learning_rate=self.learning_rate or (1e-3 if attending else 6e-3),
            pooling=self.pooling or ("mean" if attending else "max"),
        )

    def _check_encoder(self) -> None:
        """Refuse options of what is not there."""
        attending = self.encoder == "self-attention"
        known = type(self).__dataclass_fields__
        given = [n for n in (RECURRENT if attending else ATTENDING) if getattr(self, n) != known[n].default]
        if given:
            other, takes = (
                ("recurrent", ", by --embedding, --layers, --heads") if attending else ("self-attention", "")
            )
            raise SettingError(
                f"--{given[0].replace('_', '-')} goes with --encoder {other}; this run reads by {self.encoder}{takes}."
            )
        if attending and not self.vectors and (self.heads < 1 or self.embedding % self.heads):
            raise SettingError(f"--heads must divide --embedding, {self.embedding}; got {self.heads} heads.")
