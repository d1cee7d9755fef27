"""Why this label, of an image? What each pixel adds to ln p of it.

    integrated   (x - x̄) · ∫₀¹ ∂ln p/∂x (x̄ + α (x - x̄)) dα        sums to ln p(x) - ln p(x̄)
    gradient     (x - x̄) · ∂ln p/∂x

x̄ is the mean color of the training images: what does not differ from it adds nothing.
Sources: Sundararajan, Taly & Yan 2017; Simonyan, Vedaldi & Zisserman 2014.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from undertow.flow.attribution import Method
from undertow.report.pixels import contributions_of_pixels
from undertow.tasks.classes import Classes
from undertow.tasks.explaining import Question, check_method
from undertow.wiring.of_images import OfImages

POINTS = 64  # on the way from the mean color to the image
REGIONS = (
    *("top left", "top", "top right"),
    *("left", "center", "right"),
    *("bottom left", "bottom", "bottom right"),
)


@dataclass(frozen=True)
class ImageExplanation:
    """A choice and what it rests on: ln p of a label, taken apart over the pixels."""

    method: Method
    image: str
    label: str
    log_p: float
    without: float  # ln p of the mean color
    regions: tuple[str, ...]
    contributions: tuple[float, ...]  # nats of each region, a ninth of the image
    by_pixel: tuple[tuple[float, ...], ...]  # nats [Y, X], over all channels
    pixels: tuple[tuple[tuple[int, ...], ...], ...]  # [C, Y, X]

    @property
    def title(self) -> str:
        """What was chosen."""
        return f"{self.label} with p = {math.exp(self.log_p):.3f}"

    @property
    def pieces(self) -> tuple[str, ...]:
        """What the contributions are of."""
        return self.regions

    def picture(self) -> Figure:
        """The image, and what speaks for and against in it."""
        return contributions_of_pixels(
            np.array(self.pixels, dtype=np.uint8), np.array(self.by_pixel), self.title
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know beside the table."""
        found = np.array(self.by_pixel)
        most = np.sort(np.abs(found).ravel())[::-1]
        tenth = most[: max(1, len(most) // 10)].sum() / max(most.sum(), 1e-12)
        return (f"A tenth of the pixels make {100 * tenth:.0f} % of all that is contributed, either way.",)


def explain_image(
    model: OfImages, pixels: NDArray[np.uint8], classes: Classes, asked: Question
) -> ImageExplanation:
    """Take ln p of a label apart.

    Args:
        model: trained.
        pixels: of the image, [C, Y, X].
        classes: that it tells apart.
        asked: its name, label (None: the likeliest) and method.

    Raises:
        SettingError: no such label, or an image is not explained by that method.
    """
    check_method(asked, "integrated", "gradient")
    image = torch.from_numpy(pixels.astype(np.float32))[None] / 255
    absent = model.mean.expand_as(image[0])[None]
    with torch.no_grad():
        log_p = torch.log_softmax(model(torch.cat([image, absent])).double(), -1)
    number = int(log_p[0].argmax()) if asked.label is None else classes.named(asked.label)
    method = asked.method or "integrated"
    ways = (torch.arange(POINTS) + 0.5) / POINTS if method == "integrated" else torch.ones(1)
    slope = _slope(model, absent + ways.view(-1, 1, 1, 1) * (image - absent), number)
    found = ((image - absent)[0] * slope).sum(0).double()
    regions = [part.sum() for row in found.tensor_split(3, 0) for part in row.tensor_split(3, 1)]
    return ImageExplanation(
        method,
        asked.text,
        classes.names[number],
        float(log_p[0, number]),
        float(log_p[1, number]),
        REGIONS,
        tuple(map(float, regions)),
        tuple(tuple(row) for row in found.tolist()),
        tuple(tuple(tuple(row) for row in channel) for channel in pixels.tolist()),
    )


def _slope(model: OfImages, images: Tensor, number: int) -> Tensor:
    """The mean of ∂ln p/∂x over images [N, C, Y, X]: [C, Y, X]."""
    with torch.enable_grad():
        images = images.detach().requires_grad_()
        told = torch.log_softmax(model(images), -1)[:, number].sum()
        [slope] = torch.autograd.grad(told, images)
    return slope.mean(0)
