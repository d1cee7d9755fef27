"""The options of `gan`: its files, its networks, its game, its training."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from undertow.errors import SettingError
from undertow.shapes import check_size
from undertow.tasks.examples import ExampleFiles, Examples
from undertow.training.options import Training

CRITIC_STEPS = {"gan": (1, 1), "wgan": (5, 5), "wgan-gp": (5, 3)}
RATES = {"gan": (1e-3, 2e-4), "wgan": (2e-4, 5e-5), "wgan-gp": (3e-3, 2e-3)}
# of points and of images: what is chosen where it is left open; a clipped weight has 0.01 to go
OPEN = {
    "latent": (2, 48),
    "width": (128, 32),
    "penalty": (0.3, 10.0),
    "batch": (256, 64),
}


@dataclass(frozen=True)
class GanOptions(Training, ExampleFiles):
    """Train a generator and a critic against each other."""

    kind: Literal["gan", "wgan", "wgan-gp"] = "wgan-gp"
    """gan: the critic says real or made; wgan: how far apart, its weights clipped; wgan-gp: its slope held at 1."""
    saturating: bool = False
    """Of gan: the generator plays the first paper's game, in place of being taken for real."""
    latent: int | None = None
    """Numbers of noise that a sample is made of; left open, 2 for points and 48 for images."""
    width: int | None = None
    """Units a layer, for points; of images, channels next to the image. Left open, 128 and 32."""
    norm: Literal["batch", "layer", "instance", "group", "none"] = "batch"
    """In the generator of images; a critic has none."""
    critic_steps: int | None = None
    """Steps of the critic before each of the generator; left open, 5; of gan 1, of wgan-gp on images 3."""
    penalty: float | None = None
    """Of wgan-gp: weight of the slope's distance from 1; left open, 0.3 for points and 10 for images."""
    clip: float = 0.01
    """Of wgan: largest weight of the critic."""
    batch: int | None = None  # type: ignore[assignment]  # chosen before anything reads it
    """Rows a step; left open, 256 of points and 64 of images."""
    learning_rate: float | None = None  # type: ignore[assignment]
    """Peak of the schedule; left open, for points and images 0.003 and 0.002, of gan 0.001 and 0.0002, of wgan 0.0002
    and 0.00005."""
    betas: tuple[float, float] = (0.5, 0.9)
    """Memories of Adam: of the gradient, and of its square."""
    clip_norm: float = 0.0
    """Longest gradient; a longer one keeps its direction. 0: off."""
    precision: Literal["auto", "float32", "bfloat16"] = "float32"
    """What matrix products round their factors to; a slope is a difference, which rounding blurs."""
    average: float = 0.999
    """Validate and keep a running average of the weights with this memory. 0: off."""
    patience: int = 0
    """Stop after this many validations without a new best. 0: never: a game goes up and down."""

    def check(self) -> None:
        """Refuse settings that are out of range.

        Raises:
            SettingError: names the option.
        """
        Training.check(self)
        for name in ("latent", "width", "critic_steps"):
            if getattr(self, name) is not None:
                check_size(getattr(self, name), f"--{name.replace('_', '-')}", "The game")
        if self.penalty is not None and not self.penalty >= 0:
            raise SettingError(f"--penalty must not be negative, got {self.penalty}.")
        if not self.clip > 0:
            raise SettingError(f"--clip must be above 0, got {self.clip}.")
        if self.saturating and self.kind != "gan":
            raise SettingError(f"--saturating goes with --kind gan, got --kind {self.kind}.")


def settled(options: GanOptions, examples: Examples) -> GanOptions:
    """What was left open, chosen for points or for images."""
    which = 0 if len(examples.shape) == 1 else 1
    chosen: dict[str, Any] = {name: values[which] for name, values in OPEN.items()}
    chosen |= {"critic_steps": CRITIC_STEPS[options.kind][which], "learning_rate": RATES[options.kind][which]}
    left = {name: value for name, value in chosen.items() if getattr(options, name) is None}
    return replace(options, **left)
