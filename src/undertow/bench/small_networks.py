"""Four ordinary networks with a batch each: a language model, a classifier of sequences, a ResNet, an MLP."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from undertow import cells
from undertow.recurrent.recurrent import Recurrent

TOKENS, CLASSES = 65, 10


@dataclass(frozen=True)
class Network:
    """What is trained, and on what."""

    text: str
    build: Callable[[], nn.Module]
    batch: Callable[[], tuple[Tensor, Tensor]]  # input, and the class of every place


class Language(nn.Module):
    """Embedding, two LSTM layers on our kernels, readout of every step."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(TOKENS, 64)
        self.recurrent = Recurrent(cells.LSTM(64, 256), layers=2, dropout=0.2)
        self.readout = nn.Linear(256, TOKENS)

    def forward(self, tokens: Tensor) -> Tensor:
        """Scores [T, B, V]."""
        scores: Tensor = self.readout(self.recurrent(self.embedding(tokens))[0])
        return scores


class Classifier(nn.Module):
    """Two torch.nn.GRU layers, readout of the last step."""

    def __init__(self) -> None:
        super().__init__()
        self.recurrent = nn.GRU(16, 128, num_layers=2)
        self.readout = nn.Linear(128, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """Scores [B, V]."""
        scores: Tensor = self.readout(self.recurrent(x)[0][-1])
        return scores


class Block(nn.Module):
    """Two convolutions with batch norm, and the way around them."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        stride = 1 if before == after else 2
        self.first = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.norm1, self.norm2 = nn.BatchNorm2d(after), nn.BatchNorm2d(after)
        self.second = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.relu1, self.relu2 = nn.ReLU(), nn.ReLU()
        self.around = nn.Identity() if before == after else nn.Conv2d(before, after, 1, 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """As He et al. 2016."""
        z = self.norm2(self.second(self.relu1(self.norm1(self.first(x)))))
        out: Tensor = self.relu2(z + self.around(x))
        return out


def resnet() -> nn.Module:
    """Twenty layers for images of 32 x 32."""
    sizes = [16] * 4 + [32] * 3 + [64] * 3
    blocks = [Block(a, b) for a, b in pairwise(sizes)]
    stem = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    return nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, CLASSES))


def mlp() -> nn.Module:
    """Three layers for images of 28 x 28."""
    parts = [nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, CLASSES)]
    return nn.Sequential(*parts)


def _sequences() -> tuple[Tensor, Tensor]:
    return torch.randn(100, 32, 16), torch.randint(CLASSES, (32,))


def _text() -> tuple[Tensor, Tensor]:
    tokens = torch.randint(TOKENS, (65, 32))
    return tokens[:-1], tokens[1:]


NETWORKS = {
    "language model": Network("2 LSTM layers of 256 on our kernels, 64 steps, 32 rows", Language, _text),
    "classifier": Network("2 torch.nn.GRU layers of 128, 100 steps, 32 rows", Classifier, _sequences),
    "resnet": Network(
        "ResNet-20, 32 images of 32 x 32",
        resnet,
        lambda: (torch.randn(32, 3, 32, 32), torch.randint(CLASSES, (32,))),
    ),
    "mlp": Network(
        "784-512-512-10, 128 images", mlp, lambda: (torch.randn(128, 784), torch.randint(CLASSES, (128,)))
    ),
}


class Trainer:
    """A network that takes step after step on its one batch."""

    def __init__(self, network: Network) -> None:
        torch.manual_seed(0)
        self.model = network.build()
        self.inputs, self.classes = network.batch()
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3)

    def step(self) -> None:
        """Forward, backward, clip, update."""
        self.optimizer.zero_grad()
        scores = self.model(self.inputs)
        loss = F.cross_entropy(scores.flatten(0, -2), self.classes.flatten())
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
