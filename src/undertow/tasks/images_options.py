"""The options of `images`: its files, its net, its training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from undertow.blocks.augment import Augment
from undertow.errors import SettingError
from undertow.tasks.picture_parts import PictureFiles
from undertow.training.options import Training


@dataclass(frozen=True)
class ImagesOptions(Training, PictureFiles):
    """Train a net on images and the label of each."""

    net: str = "cnn"
    """cnn, mlp, resnet-20, densenet-40, highway-50, binary-cnn, ...; what follows the dash is the depth. `undertow draw
    --help` lists them."""
    width: int | None = None
    """Channels of the first stage (of a densenet, of what a layer adds), or units of every layer; without it the net's
    own. Large resnets and densenets have none to choose."""
    shift: float = 2.0
    """Training images are shifted by up to so many places."""
    rotate: float = 10.0
    """They are turned by up to so many degrees."""
    scale: float = 0.1
    """They grow or shrink by up to this share."""
    flip: bool = False
    """They are mirrored left to right, every second time."""
    erase: int = 0
    """A square of so many places a side is wiped out of them."""
    plain: bool = False
    """No training image is moved at all."""
    keep: Literal["nats", "accuracy"] = "accuracy"
    """By what the best weights are told on the validation part."""
    batch: int = 128
    """Images a step."""
    learning_rate: float = 3e-3
    """Peak of the schedule."""
    weight_decay: float = 1e-3
    """Decoupled decay of matrices; vectors are left alone."""
    validations: int = 12
    """How often validation is looked at, evenly over the budget."""

    def check(self) -> None:
        """Refuse settings that are out of range."""
        Training.check(self)
        self.check_files()
        self.moved()
        if self.width is not None and self.width < 1:
            raise SettingError(f"--width must be at least 1, got {self.width}.")

    def moved(self) -> Augment:
        """How training images are moved."""
        if self.plain:
            return Augment()
        return Augment(self.shift, self.rotate, self.scale, self.flip, self.erase)
