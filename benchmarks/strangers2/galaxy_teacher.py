"""Galaxy morphology from few labels: a small CNN trained with a mean teacher on unlabelled stamps."""

import copy
import logging
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

logging.basicConfig(level=logging.INFO, format="[%(levelname)s] %(message)s")
log = logging.getLogger(__name__)

CLASSES = ("elliptical", "spiral", "ring", "edge-on")


@dataclass(frozen=True)
class Settings:
    size: int = 20
    labelled: int = 400
    unlabelled: int = 1200
    held_out: int = 400
    batch_labelled: int = 16
    batch_unlabelled: int = 48
    epochs: int = 8
    lr: float = 0.05
    momentum: float = 0.9
    ema: float = 0.95
    consistency: float = 1.0
    ramp_steps: int = 60
    seed: int = 3


def draw_galaxy(kind, size, rng):
    ys, xs = np.mgrid[0:size, 0:size].astype(np.float32)
    cy, cx = rng.normal((size - 1) / 2, 0.8, 2)
    angle = rng.uniform(0, np.pi)
    u = (xs - cx) * np.cos(angle) + (ys - cy) * np.sin(angle)
    v = -(xs - cx) * np.sin(angle) + (ys - cy) * np.cos(angle)
    r, phi = np.hypot(u, v), np.arctan2(v, u)
    if kind == 0:
        img = np.exp(-(np.hypot(u / 4.5, v / 3.5) ** 2))
    elif kind == 1:
        wind = rng.uniform(0.55, 0.75)
        img = np.exp(-r / 5) * (0.5 + 0.5 * np.cos(2 * (phi - wind * r))) + 0.5 * np.exp(-((r / 1.5) ** 2))
    elif kind == 2:
        img = np.exp(-(((r - rng.uniform(4.5, 6.5)) / 1.3) ** 2)) + 0.4 * np.exp(-((r / 1.5) ** 2))
    else:
        img = np.exp(-((u / 6) ** 2) - (v / 1.2) ** 2)
    return img + rng.normal(0, 0.18, img.shape)


def make_stamps(n, size, rng):
    kinds = rng.integers(0, len(CLASSES), n)
    stamps = np.stack([draw_galaxy(k, size, rng) for k in kinds])[:, None]
    stamps = (stamps - stamps.mean()) / stamps.std()
    return torch.tensor(stamps, dtype=torch.float32), torch.tensor(kinds)


def augment(x):
    """Random quarter turns and flips per batch, fresh noise per stamp."""
    x = torch.rot90(x, int(torch.randint(4, (1,))), dims=(2, 3))
    if torch.rand(()) < 0.5:
        x = x.flip(3)
    return x + 0.1 * torch.randn_like(x)


def conv_block(c_in, c_out):
    return nn.Sequential(
        nn.Conv2d(c_in, c_out, 3, padding=1, bias=False), nn.BatchNorm2d(c_out), nn.ReLU(), nn.MaxPool2d(2)
    )


class GalaxyNet(nn.Module):
    def __init__(self, n_classes):
        super().__init__()
        self.features = nn.Sequential(conv_block(1, 12), conv_block(12, 24), conv_block(24, 32))
        self.classifier = nn.Linear(32 * 4, n_classes)

    def forward(self, x):
        return self.classifier(self.features(x).flatten(1))


class ScaledCrossEntropy(nn.Module):
    """Cross entropy with a learnt temperature, keeps the probabilities calibrated."""

    def __init__(self):
        super().__init__()
        self.log_scale = nn.Parameter(torch.zeros(()))

    def forward(self, logits, target):
        return F.cross_entropy(logits * self.log_scale.exp(), target)


class MeanTeacher:
    """Keeps a running average of the student and gives soft targets."""

    def __init__(self, student, decay):
        self.student = student
        self.net = student
        self.decay = decay
        for p in self.net.parameters():
            p.requires_grad_(False)

    @torch.no_grad()
    def update(self):
        for mine, theirs in zip(self.net.parameters(), self.student.parameters()):
            mine.mul_(self.decay).add_(theirs, alpha=1 - self.decay)

    @torch.no_grad()
    def soft_targets(self, x):
        return F.softmax(self.net(x), dim=1)


@torch.no_grad()
def accuracy(net, images, kinds):
    was_training = net.training
    net.eval()
    logits = torch.cat([net(chunk) for chunk in images.split(200)])
    net.train(was_training)
    return (logits.argmax(1) == kinds).float().mean().item(), F.cross_entropy(logits, kinds).item()


def ramp_up(step, length):
    t = min(1.0, step / length)
    return float(np.exp(-5 * (1 - t) ** 2))


def main(cfg=Settings()):
    torch.manual_seed(cfg.seed)
    rng = np.random.default_rng(cfg.seed)
    x_lab, y_lab = make_stamps(cfg.labelled, cfg.size, rng)
    x_unl, _ = make_stamps(cfg.unlabelled, cfg.size, rng)
    x_val, y_val = make_stamps(cfg.held_out, cfg.size, rng)
    lab_loader = DataLoader(TensorDataset(x_lab, y_lab), cfg.batch_labelled, shuffle=True, drop_last=True)
    unl_loader = DataLoader(TensorDataset(x_unl), cfg.batch_unlabelled, shuffle=True, drop_last=True)

    student = GalaxyNet(len(CLASSES))
    criterion = ScaledCrossEntropy()
    teacher = MeanTeacher(student, cfg.ema)
    optimizer = torch.optim.SGD(
        [
            {"params": student.parameters(), "weight_decay": 5e-4},
            {"params": criterion.parameters(), "weight_decay": 0.0},
        ],
        lr=cfg.lr,
        momentum=cfg.momentum,
    )
    total_steps = cfg.epochs * len(unl_loader)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=cfg.lr, total_steps=total_steps)

    step, best, checkpoint = 0, 0.0, None
    for epoch in range(cfg.epochs):
        student.train()
        lab_iter = iter(lab_loader)
        sums = np.zeros(2)
        for (u,) in unl_loader:
            try:
                x, y = next(lab_iter)
            except StopIteration:
                lab_iter = iter(lab_loader)
                x, y = next(lab_iter)
            targets = teacher.soft_targets(augment(u))
            logits = student(torch.cat([augment(x), augment(u)]))
            sup = criterion(logits[: len(x)], y)
            con = F.mse_loss(F.softmax(logits[len(x) :], dim=1), targets)
            loss = sup + cfg.consistency * ramp_up(step, cfg.ramp_steps) * con
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
            teacher.update()
            sums += sup.item(), con.item()
            step += 1
        acc, val_loss = accuracy(student, x_val, y_val)
        if acc > best:
            best, checkpoint = acc, copy.deepcopy(student.state_dict())
        log.info(
            "epoch %d  supervised %.3f  consistency %.4f  val loss %.3f  val acc %.3f",
            epoch,
            *(sums / len(unl_loader)),
            val_loss,
            acc,
        )
    if checkpoint is not None:
        student.load_state_dict(checkpoint)
    log.info("best val acc %.3f (scale %.2f)", best, criterion.log_scale.exp().item())


if __name__ == "__main__":
    main()
