"""U-Net: a noise predictor for images. Down twice, up twice, and at each size what was there on the way down.

    side     Y      F channels   ─ block ──────────────────────────────── block ─ norm, SiLU, 3x3 → ε
             Y/2   2F                  └ block ───────────────── block ┘
             Y/4   4F                        └ block, attention, block ┘

A block: norm, SiLU, 3x3, + what it makes of the step's features, norm, SiLU, 3x3 (which begins at 0), + its input.
Halved by a 3x3 of stride 2, doubled by repeating places. Sides that cannot be halved twice are padded with what stands
at their edge, and cut again. Norms are over groups of channels (Wu & He 2018); attention is over all places of the
smallest size. Sources: Ronneberger, Fischer & Brox 2015; of steps of noise, Ho, Jain & Abbeel 2020.
Axes: N rows, C channels, Y and X places, F features.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from undertow.blocks.norms import GroupNorm
from undertow.blocks.time_features import TimeFeatures
from undertow.errors import SettingError

HALVED = 4  # places of a side become one
LEAST = 8  # places a side
HEADS = 4


class TimedResidual(nn.Module):
    """x [N, C, Y, X] to [N, C', Y, X], told of the step.

    Args:
        inputs: C.
        outputs: C'.
        time: features of the step.
    """

    def __init__(self, inputs: int, outputs: int, time: int) -> None:
        super().__init__()
        self.first_norm, self.first = GroupNorm(inputs), nn.Conv2d(inputs, outputs, 3, padding=1)
        self.time = nn.Linear(time, outputs)
        self.second_norm, self.second = GroupNorm(outputs), nn.Conv2d(outputs, outputs, 3, padding=1)
        self.past = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        y = self.first(functional.silu(self.first_norm(x))) + self.time(time)[:, :, None, None]
        added: Tensor = self.past(x) + self.second(functional.silu(self.second_norm(y)))
        return added


class Attention(nn.Module):
    """Every place of x [N, C, Y, X] looks at every other.

    Args:
        channels: C, a multiple of the heads.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm, self.asked = GroupNorm(channels), nn.Conv2d(channels, 3 * channels, 1)
        self.out = nn.Conv2d(channels, channels, 1)
        nn.init.zeros_(self.out.weight)

    def forward(self, x: Tensor) -> Tensor:
        n, channels, height, width = x.shape
        flat = self.asked(self.norm(x)).flatten(2).view(n, 3, HEADS, channels // HEADS, -1)
        query, key, value = flat.transpose(3, 4).unbind(1)  # [N, heads, places, C / heads]
        looked = functional.scaled_dot_product_attention(query, key, value)
        added: Tensor = x + self.out(looked.transpose(2, 3).reshape(n, channels, height, width))
        return added


class UNet(nn.Module):
    """ε_θ [N, C, Y, X] of images x [N, C, Y, X] and steps t [N].

    Args:
        channels: C.
        steps: T.
        width: F, a multiple of 4.
        attention: at the smallest size.

    Raises:
        SettingError: a width that is no multiple of 4.
    """

    def __init__(self, channels: int, steps: int, width: int = 32, attention: bool = True) -> None:
        super().__init__()
        if width < 4 or width % 4:
            raise SettingError(f"UNet: the width must be a multiple of 4, got {width}.")
        features, wide, widest = 4 * width, 2 * width, 4 * width
        self.time, self.first = TimeFeatures(features, steps), nn.Conv2d(channels, width, 3, padding=1)
        self.down = nn.ModuleList(
            [TimedResidual(width, width, features), TimedResidual(wide, wide, features)]
        )
        self.halve = nn.ModuleList(nn.Conv2d(a, 2 * a, 3, stride=2, padding=1) for a in (width, wide))
        self.middle = nn.ModuleList(TimedResidual(widest, widest, features) for _ in range(2))
        self.attention = Attention(widest) if attention else nn.Identity()
        self.up = nn.ModuleList(
            [TimedResidual(widest + wide, wide, features), TimedResidual(wide + width, width, features)]
        )
        self.norm, self.readout = GroupNorm(width), nn.Conv2d(width, channels, 3, padding=1)
        for beginning in self.readout.parameters():
            nn.init.zeros_(beginning)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """The noise that it takes to be in them."""
        height, width = x.shape[2:]
        x = functional.pad(x, (0, -width % HALVED, 0, -height % HALVED), mode="replicate")
        time = functional.silu(self.time(t))
        x, before = self.first(x.contiguous(memory_format=torch.channels_last)), []
        for block, halve in zip(self.down, self.halve, strict=True):
            before.append(block(x, time))
            x = halve(before[-1])
        x = self.middle[1](self.attention(self.middle[0](x, time)), time)
        for block in self.up:
            doubled = functional.interpolate(x, scale_factor=2, mode="nearest")
            x = block(torch.cat([doubled, before.pop()], 1), time)
        noise: Tensor = self.readout(functional.silu(self.norm(x)))
        return noise[:, :, :height, :width].contiguous()


def check_side(shape: tuple[int, ...]) -> None:
    """Refuse images that are too small to be halved twice.

    Raises:
        SettingError: a side below 8.
    """
    if min(shape[1:]) < LEAST:
        raise SettingError(
            f"Images of {shape[1]} x {shape[2]} are too small: a U-Net halves them twice, "
            f"so give {LEAST} x {LEAST} at least."
        )
