"""Learns to remove noise from small camera frames of bright spots with an autoencoder."""

import argparse
import random

import torch
import torch.nn as nn

FAULTS = (
    "vanishing_depth",
    "input_scale",
    "cut_graph",
    "frozen",
    "zero_grad_before_step",
    "step_too_small",
    "loss_broadcast",
    "nan_gradient_op",
)
METRIC = (r"\[done\] psnr=([\d.einfa+-]+) dB", "higher")
SIDE = 12


def frames(count):
    """Two spots a frame, as 12-bit counts, and the clean picture in 0..1."""
    axis = torch.arange(SIDE).float()
    clean = torch.zeros(count, SIDE, SIDE)
    for _ in range(2):
        row, col = torch.rand(2, count, 1) * (SIDE - 1)
        size = 1.2 + torch.rand(count, 1)
        down = torch.exp(-(((axis - row) / size) ** 2))
        across = torch.exp(-(((axis - col) / size) ** 2))
        clean += down[:, :, None] * across[:, None, :] * (0.4 + 0.6 * torch.rand(count, 1, 1))
    clean = clean.clamp(max=1)
    noisy = (clean + 0.25 * torch.randn_like(clean)).clamp(0, 1)
    return noisy * 4095, clean


class Encoder(nn.Module):
    def __init__(self, hidden, code, extra, act):
        super().__init__()
        self.first = nn.Linear(SIDE * SIDE, hidden)
        self.more = nn.ModuleList(nn.Linear(hidden, hidden) for _ in range(extra))
        self.code = nn.Linear(hidden, code)
        self.act = act

    def forward(self, x):
        h = self.act(self.first(x.flatten(1)))
        for layer in self.more:
            h = self.act(layer(h))
        return self.act(self.code(h))


class Denoiser(nn.Module):
    def __init__(self, hidden, code, fault):
        super().__init__()
        act, extra = (torch.sigmoid, 9) if fault == "vanishing_depth" else (torch.tanh, 1)
        self.encoder = Encoder(hidden, code, extra, act)
        back = [nn.Linear(code if i == 0 else hidden, hidden) for i in range(extra + 1)]
        self.back = nn.ModuleList(back)
        self.pixels = nn.Linear(hidden, SIDE * SIDE)
        self.act = act
        self.fault = fault

    def forward(self, x):
        if self.fault != "input_scale":
            x = x / 4095
        h = self.encoder(x)
        if self.fault == "cut_graph":
            h = h.detach()
        for layer in self.back:
            h = self.act(layer(h))
        return self.pixels(h).view(-1, 1, SIDE, SIDE)


def picture_loss(out, clean, fault):
    if fault != "loss_broadcast":
        out = out.squeeze(1)
    pixel = ((out - clean) ** 2).mean()
    lit = (clean > 0.1).float()
    # the brightness of the spots shall be right as a whole too
    if fault == "nan_gradient_op":
        bright = ((out * lit) ** 2).sqrt().mean() - (clean * lit).mean()
    else:
        bright = (out * lit).mean() - (clean * lit).mean()
    return pixel + 0.1 * bright**2


def fit(model, noisy, clean, steps, batch, lr, fault):
    opt = torch.optim.RMSprop(model.parameters(), lr=lr)
    sched = torch.optim.lr_scheduler.StepLR(opt, steps // 3, gamma=0.4)
    order = torch.randperm(len(noisy))
    for step in range(steps):
        at = (step * batch) % (len(noisy) - batch)
        rows = order[at : at + batch]
        x = noisy[rows]
        if fault == "frozen":
            x.requires_grad_()
        loss = picture_loss(model(x), clean[rows], fault)
        opt.zero_grad()
        loss.backward()
        if fault == "zero_grad_before_step":
            model.zero_grad()
        opt.step()
        sched.step()
        if (step + 1) % (steps // 8) == 0:
            print(f"[{step + 1:04d}/{steps}] {loss.item():.5f}")


def main(fault, seed):
    torch.manual_seed(seed)
    random.seed(seed)
    hidden = [64, 48, 56, 64, 40][seed % 5]
    code = [24, 20, 32, 28, 24][seed % 5]
    batch = random.choice([32, 48, 64])
    lr = random.choice([1e-3, 1.5e-3])
    if fault == "step_too_small":
        lr = lr / 1000
    noisy, clean = frames(2500)
    model = Denoiser(hidden, code, fault)
    if fault == "frozen":
        model.requires_grad_(False)
    fit(model, noisy, clean, 1600, batch, lr, fault)
    noisy, clean = frames(400)
    with torch.no_grad():
        mse = (model(noisy).squeeze(1) - clean).pow(2).mean()
    print(f"[done] psnr={-10 * mse.log10().item():.2f} dB")


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("--fault", choices=FAULTS)
    ap.add_argument("--seed", type=int, default=0)
    a = ap.parse_args()
    main(a.fault, a.seed)
