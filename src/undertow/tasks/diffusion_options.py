"""The options of `diffusion`: its data, its noise, its network, its training; and what a run must know of its data."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from torch import nn

from undertow.errors import DataError, SettingError
from undertow.nets.noise_points import PointNoise
from undertow.nets.unet import UNet, check_side
from undertow.shapes import check_size
from undertow.tasks.examples import ExampleFiles
from undertow.tasks.subject import Subject
from undertow.training.options import Training
from undertow.wiring.denoising import chosen_steps
from undertow.wiring.diffusion import Diffusion, Process
from undertow.wiring.noising import noising

SAMPLING_STEPS = {"points": 0, "images": 100}
WIDTHS = {"points": 128, "images": 32}
VARIANCES: dict[str, Literal["posterior", "noise"]] = {"points": "noise", "images": "posterior"}


@dataclass(frozen=True)
class DiffusionOptions(Training, ExampleFiles):
    """Train a network to take noise out of images or points, and draw new ones out of noise."""

    noise_steps: int = 1000
    """Steps from data to noise."""
    schedule: Literal["cosine", "linear"] = "cosine"
    """How noise grows with the step."""
    variance: Literal["posterior", "noise"] | None = None
    """Of a step back: posterior is the least that it can be (images), noise the most (points)."""
    sampling_steps: int | None = None
    """Steps that a sample is drawn in; few make modes too narrow. 0: every step, ancestrally (points); images: 100."""
    eta: float = 1.0
    """Noise that is drawn on the way of those, from 0 (none: DDIM) to 1 (as the ancestral)."""
    width: int | None = None
    """Features of a point (128), or channels of an image at its full size (32)."""
    no_attention: bool = False
    """Of images: places of the smallest size do not look at each other."""
    average: float = 0.999
    """Validate and keep a running average of the weights with this memory. 0: off."""
    learning_rate: float = 1e-3
    """Peak of the schedule."""
    patience: int = 0
    """Stop after this many validations without a new best. 0: never."""

    def check(self) -> None:
        """Refuse settings that are out of range."""
        Training.check(self)
        if self.width is not None:
            check_size(self.width, "--width", "The network")
            if self.width % 4:
                raise SettingError(f"--width must be a multiple of 4, got {self.width}.")
        check_size(self.noise_steps, "--noise-steps", "The noise")
        noising(self.schedule, self.noise_steps)
        chosen_steps(self.noise_steps, self.sampling_steps or 0)
        if not 0 <= self.eta <= 1:
            raise SettingError(f"--eta must lie from 0 to 1, got {self.eta}.")


@dataclass(frozen=True)
class Known(Subject):
    """What a run must know of its data.

    Args:
        limit: the farthest from 0 that a number of an example may lie, in the network's scale.
    """

    limit: float = 1.0

    @property
    def images(self) -> bool:
        """Are they images?"""
        return len(self.shape) == 3

    @property
    def kind(self) -> str:
        """points or images."""
        return "images" if self.images else "points"

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Known:
        """Back from vocabulary.json.

        Raises:
            DataError: not as `to_json` writes it.
        """
        known = Subject.from_json(record)
        if len(known.shape) not in (1, 3) or min(known.shape) < 1:
            raise DataError(f"shape must be (numbers) or (channels, y, x), is {known.shape}")
        limit = record.get("limit")
        if not isinstance(limit, int | float):
            raise DataError(f"limit must be a number, is {limit!r}")
        return cls(known.shape, known.names, known.scale, known.mixture, float(limit))


def settled(options: DiffusionOptions, known: Known) -> DiffusionOptions:
    """What was left open is chosen, by what the examples are."""
    steps = min(SAMPLING_STEPS[known.kind], options.noise_steps)
    return replace(
        options,
        sampling_steps=steps if options.sampling_steps is None else options.sampling_steps,
        width=options.width or WIDTHS[known.kind],
        variance=options.variance or VARIANCES[known.kind],
    )


def build_model(options: DiffusionOptions, known: Known) -> Diffusion:
    """A fresh network for such examples.

    Raises:
        SettingError: images too small, or a setting out of range.
    """
    options.check()
    options = settled(options, known)
    assert options.width is not None
    assert options.variance is not None
    process = Process(options.schedule, options.noise_steps, options.variance, known.limit)
    net: nn.Module
    if known.images:
        check_side(known.shape)
        net = UNet(known.shape[0], options.noise_steps, options.width, attention=not options.no_attention)
    else:
        net = PointNoise(known.shape[0], options.noise_steps, options.width)
    return Diffusion(net, process)
