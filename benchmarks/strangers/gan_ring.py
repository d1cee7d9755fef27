"""A small GAN draws points of a ring of eight clusters."""

import json
import math
import tempfile
import time
from pathlib import Path

import torch
from torch import nn

MODES, RADIUS, SPREAD = 8, 1.0, 0.06
Z = 8


def real_batch(n):
    k = torch.randint(MODES, (n,))
    angle = 2 * math.pi * k / MODES
    centre = RADIUS * torch.stack([angle.cos(), angle.sin()], dim=1)
    return centre + SPREAD * torch.randn(n, 2)


class Generator(nn.Module):
    def __init__(self, width=96):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(Z, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 2)
        )

    def forward(self, z):
        return self.net(z)


class Discriminator(nn.Module):
    def __init__(self, width=96):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(2, width),
            nn.LeakyReLU(0.2),
            nn.Linear(width, width),
            nn.LeakyReLU(0.2),
            nn.Linear(width, 1),
        )

    def forward(self, x):
        return self.net(x)


class Average:
    """Exponential average of a net's weights; it draws the pictures that are shown."""

    def __init__(self, source, decay=0.995):
        self.decay = decay
        self.net = Generator()
        self.net.load_state_dict(source.state_dict())
        for p in self.net.parameters():
            p.requires_grad = False

    @torch.no_grad()
    def update(self, source):
        for mine, its in zip(self.net.parameters(), source.parameters(), strict=True):
            mine.mul_(self.decay).add_(its, alpha=1 - self.decay)


class Board:
    def __init__(self, folder):
        self.path = Path(folder) / "events.jsonl"
        self.start = time.time()

    def scalars(self, step, **values):
        with self.path.open("a") as f:
            f.write(json.dumps({"step": step, "t": round(time.time() - self.start, 3), **values}) + "\n")


@torch.no_grad()
def quality(generator, n=2000):
    """Share of points within four spreads of a cluster, and the number of clusters that are hit."""
    x = generator(torch.randn(n, Z))
    angle = 2 * math.pi * torch.arange(MODES) / MODES
    centres = RADIUS * torch.stack([angle.cos(), angle.sin()], dim=1)
    d, k = torch.cdist(x, centres).min(dim=1)
    good = d < 4 * SPREAD
    hit = sum(int((k[good] == m).sum() > n * 0.01) for m in range(MODES))
    return good.float().mean().item(), hit


def penalty(disc, real):
    real = real.clone().requires_grad_(True)
    (grad,) = torch.autograd.grad(disc(real).sum(), real, create_graph=True)
    return grad.pow(2).sum(1).mean()


def main():
    torch.manual_seed(17)
    gen, disc = Generator(), Discriminator()
    shown = Average(gen)
    opt_g = torch.optim.Adam(gen.parameters(), lr=1e-3, betas=(0.5, 0.9))
    opt_d = torch.optim.Adam(disc.parameters(), lr=1e-3, betas=(0.5, 0.9))
    bce = nn.BCEWithLogitsLoss()
    batch = 128
    ones, zeros = torch.ones(batch, 1), torch.zeros(batch, 1)
    with tempfile.TemporaryDirectory() as folder:
        board = Board(folder)
        for step in range(1, 2501):
            # the critic
            real = real_batch(batch)
            fake = gen(torch.randn(batch, Z)).detach()
            loss_d = bce(disc(real), 0.9 * ones) + bce(disc(fake), zeros)
            if step % 4 == 0:
                loss_d = loss_d + 0.2 * penalty(disc, real)
            opt_d.zero_grad()
            loss_d.backward()
            opt_d.step()

            # the artist
            loss_g = bce(disc(gen(torch.randn(batch, Z))), ones)
            opt_g.zero_grad()
            loss_g.backward()
            opt_g.step()
            shown.update(gen)

            if step % 25 == 0:
                board.scalars(step, d=loss_d.item(), g=loss_g.item())
            if step % 500 == 0:
                share, hit = quality(shown.net)
                print(
                    f"{step}: D {loss_d.item():.3f}  G {loss_g.item():.3f}  good {share:.3f}  clusters {hit}"
                )
                torch.save({"g": gen.state_dict(), "d": disc.state_dict()}, Path(folder) / f"{step}.pt")
        print(f"{len(board.path.read_text().splitlines())} events logged")
    share, hit = quality(shown.net)
    print(f"good points: {share:.4f} in {hit} clusters")


if __name__ == "__main__":
    main()
