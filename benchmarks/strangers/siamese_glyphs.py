"""Who wrote this? Embeds doodled glyphs with a triplet loss and finds the glyph's family by neighbours."""

import logging
import math
import tempfile
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset, Sampler

logging.basicConfig(format="%(levelname).1s %(message)s", level=logging.INFO)
log = logging.getLogger(__name__)
SIDE = 14


def draw(points, jitter, g):
    """Rasterise a closed stroke through the points, each moved a little, as soft ink."""
    moved = points + jitter * torch.randn(points.shape, generator=g)
    shift = 0.1 * torch.randn(2, generator=g)
    nxt = moved.roll(-1, 0)
    t = torch.linspace(0, 1, 8).view(-1, 1, 1)
    ink = ((1 - t) * moved + t * nxt + shift).reshape(-1, 2)
    axis = torch.linspace(-1.3, 1.3, SIDE)
    yy, xx = torch.meshgrid(axis, axis, indexing="ij")
    grid = torch.stack([xx, yy], -1).reshape(-1, 1, 2)
    d2 = (grid - ink).pow(2).sum(-1).amin(1)
    return torch.exp(-d2 / 0.02).view(1, SIDE, SIDE)


class Glyphs(Dataset):
    def __init__(self, families, per_family, seed):
        g = torch.Generator().manual_seed(seed)
        self.images, self.labels = [], []
        for family in range(families):
            points = 2 * torch.rand(5, 2, generator=g) - 1
            for _ in range(per_family):
                self.images.append(draw(points, 0.13, g))
                self.labels.append(family)
        self.images = torch.stack(self.images)
        self.images = self.images + 0.25 * torch.randn(self.images.shape, generator=g)
        self.labels = torch.tensor(self.labels)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return self.images[i], self.labels[i]


class FamilySampler(Sampler):
    """Batches of P families with K glyphs each."""

    def __init__(self, labels, p, k, batches):
        self.labels, self.p, self.k, self.batches = labels, p, k, batches

    def __len__(self):
        return self.batches

    def __iter__(self):
        n = int(self.labels.max()) + 1
        for _ in range(self.batches):
            batch = []
            for family in torch.randperm(n)[: self.p]:
                members = (self.labels == family).nonzero().squeeze(1)
                batch += members[torch.randperm(len(members))[: self.k]].tolist()
            yield batch


class Block(nn.Sequential):
    def __init__(self, cin, cout):
        super().__init__(nn.Conv2d(cin, cout, 3, padding=1), nn.BatchNorm2d(cout), nn.ReLU(), nn.MaxPool2d(2))


class Embedder(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.features = nn.Sequential(Block(1, 16), Block(16, 32))
        self.project = nn.Linear(32 * (SIDE // 4) ** 2, size)

    def forward(self, x):
        return F.normalize(self.project(self.features(x).flatten(1)), dim=1)


def pairwise_distance(x):
    delta = x.unsqueeze(1) - x.unsqueeze(0)
    return delta.pow(2).sum(-1).sqrt()


class BatchHardTriplet(nn.Module):
    """Hermans et al. 2017: the farthest of the same family against the nearest of another."""

    def __init__(self, margin=0.3):
        super().__init__()
        self.margin = margin

    def forward(self, embedding, labels):
        d = pairwise_distance(embedding)
        same = labels.unsqueeze(0) == labels.unsqueeze(1)
        farthest = (d * same).amax(dim=1)
        nearest = (d + 10.0 * same).amin(dim=1)
        return F.relu(farthest - nearest + self.margin).mean()


@torch.no_grad()
def retrieval(model, gallery, probes):
    model.eval()
    g, p = model(gallery.images), model(probes.images)
    neighbour = (p @ g.t()).argmax(1)
    model.train()
    return (gallery.labels[neighbour] == probes.labels).float().mean().item()


def split(dataset, every=4):
    """Gallery and probes of the same families."""
    probe = torch.arange(len(dataset)) % every == 0
    gallery, probes = Glyphs.__new__(Glyphs), Glyphs.__new__(Glyphs)
    gallery.images, gallery.labels = dataset.images[~probe], dataset.labels[~probe]
    probes.images, probes.labels = dataset.images[probe], dataset.labels[probe]
    return gallery, probes


def main():
    torch.manual_seed(4)
    train, (gallery, probes) = Glyphs(40, 12, seed=1), split(Glyphs(30, 12, seed=2))
    loader = DataLoader(train, batch_sampler=FamilySampler(train.labels, 10, 4, batches=60))
    model, criterion = Embedder(), BatchHardTriplet()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [6, 8], gamma=0.3)
    best, folder = -math.inf, tempfile.TemporaryDirectory()
    for epoch in range(1, 11):
        losses, skipped = [], 0
        for images, labels in loader:
            loss = criterion(model(images), labels)
            if not torch.isfinite(loss):
                skipped += 1
                continue
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        scheduler.step()
        score = retrieval(model, gallery, probes)
        mean = sum(losses) / len(losses) if losses else float("nan")
        log.info(
            "epoch %d: triplet %.4f, rank-1 on new families %.3f, skipped %d", epoch, mean, score, skipped
        )
        if score > best:
            best = score
            torch.save(model.state_dict(), Path(folder.name) / "embedder.pt")
    model.load_state_dict(torch.load(Path(folder.name) / "embedder.pt"))
    print(f"best rank-1: {retrieval(model, gallery, probes):.4f}")
    folder.cleanup()


if __name__ == "__main__":
    main()
