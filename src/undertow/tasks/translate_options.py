"""The options of `translate`: its files, its network, its training; how it writes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from undertow.data.tokens import Units
from undertow.errors import SettingError
from undertow.shapes import check_share
from undertow.tasks.bleu import check_sacrebleu
from undertow.tasks.network import Layers
from undertow.tasks.pair_parts import PairFiles
from undertow.training.options import Training
from undertow.wiring.beam import Beam


@dataclass(frozen=True)
class TranslateOptions(Training, Layers, PairFiles):
    """Train a network on pairs of texts."""

    units: Units = "words"
    """What texts are cut into. subwords are learned from the training texts."""
    lower: bool = False
    """Read and write small letters alone."""
    least: int = 2
    """A unit is known that is met so often in training."""
    most_tokens: int = 20_000
    """Most units that are known of each side, the most frequent ones; 8,192 subwords at most."""
    longest: int = 100
    """Units of a text, in training and in writing; longer pairs are left out of training."""
    attention: Literal["additive", "multiplicative"] = "additive"
    """How what was read is scored: by a small network, or by a product."""
    beam: int = 5
    """Sequences that are followed at once in writing."""
    length_norm: float = 1.0
    """How far length is made up for: 0 not at all, 1 by the mean of ln p."""
    smoothing: float = 0.1
    """Share of each target that is given to all tokens alike."""
    cell: str = "gru"
    """A cell of `undertow cells`, or one of your own as FILE.py:Class."""
    hidden: int = 256
    """Units a layer and direction of the encoder, and twice of the decoder's."""
    layers: int = 1
    """Layers of the encoder, and of the decoder above its first."""
    embedding: int = 256
    """Features a unit is given."""
    dropout: float = 0.4
    """Share dropped of embeddings, of what is looked at, between layers, and before the readout."""
    learning_rate: float = 2e-3
    """Peak of the schedule."""
    batch: int = 64
    """Pairs a step."""

    def check(self) -> None:
        """Refuse settings that are out of range."""
        Training.check(self)
        Layers.check(self)
        check_share(self.smoothing, "--smoothing", "The network")
        self.how.check()
        self.check_files()
        for name, least in {"least": 1, "longest": 1, "most_tokens": 3, "max_length": 1}.items():
            if getattr(self, name) < least:
                raise SettingError(
                    f"--{name.replace('_', '-')} must be at least {least}, got {getattr(self, name)}."
                )
        check_sacrebleu()

    @property
    def how(self) -> Beam:
        """How is searched."""
        return Beam(self.beam, self.length_norm, self.longest + 1)
