"""Nitrogen demand of fields from soil samples. Functional style: parameters in a dict, no modules."""

import argparse
import math

import numpy as np
import torch
import torch.nn.functional as F
from torch.utils.data import BatchSampler, RandomSampler

FIELDS = ("ph", "clay", "carbon", "conductivity", "phosphate", "moisture", "depth")
LOG_SCALE = ("conductivity", "phosphate")


def survey(n, rng):
    """Laboratory sheet, one row per sample. Tubes that broke on the way are blank, and read as nan."""
    ph = rng.normal(6.4, 0.8, n)
    clay = rng.beta(2, 4, n) * 60
    carbon = rng.gamma(4, 0.5, n)
    conductivity = np.round(np.exp(rng.normal(5.2, 0.6, n)), 1)
    phosphate = np.round(np.exp(rng.normal(1.9, 0.65, n)))
    moisture = rng.uniform(5, 38, n)
    depth = rng.choice([10.0, 30.0, 60.0], n)
    sheet = np.stack([ph, clay, carbon, conductivity, phosphate, moisture, depth], axis=1)
    supply = carbon * np.exp(-((ph - 6.5) ** 2)) * (1 + 0.03 * moisture) * np.exp(-depth / 50)
    demand = 160 - 22 * supply - 9 * np.log(phosphate + 1) + 6 * np.sin(clay / 9) + 4 * np.log(conductivity)
    demand += rng.normal(0, 2.0, n)
    sheet[rng.random(n) < 0.01, rng.integers(len(FIELDS))] = np.nan
    return sheet, demand


def clean(sheet, demand):
    keep = np.isfinite(sheet).all(axis=1) & (sheet >= 0).all(axis=1)
    return sheet[keep], demand[keep]


def transform(sheet):
    """Skewed quantities on a log scale, then centre by the median and scale by the quartiles."""
    table = sheet.copy()
    columns = [FIELDS.index(name) for name in LOG_SCALE]
    with np.errstate(divide="ignore"):
        table[:, columns] = np.log10(table[:, columns])
    low, mid, high = np.percentile(table, [25, 50, 75], axis=0)
    return (table - mid) / (high - low)


def split(*arrays, held_out, rng):
    order = rng.permutation(len(arrays[0]))
    tensors = [torch.tensor(a[order], dtype=torch.float32) for a in arrays]
    return [t[held_out:] for t in tensors], [t[:held_out] for t in tensors]


def init_params(sizes, gen):
    params = {}
    for k, (a, b) in enumerate(zip(sizes[:-1], sizes[1:])):
        params[f"w{k}"] = torch.randn(b, a, generator=gen) * math.sqrt(2 / a)
        params[f"b{k}"] = torch.zeros(b)
        if k < len(sizes) - 2:
            params[f"scale{k}"] = torch.ones(b)
    return {name: p.requires_grad_() for name, p in params.items()}


def forward(params, x):
    k = 0
    while f"scale{k}" in params:
        y = F.linear(x, params[f"w{k}"], params[f"b{k}"])
        y = F.relu(y) * params[f"scale{k}"]
        x = x + y if y.shape == x.shape else y
        k += 1
    return F.linear(x, params[f"w{k}"], params[f"b{k}"]).squeeze(-1)


def batches(data, size):
    for idx in BatchSampler(RandomSampler(data[0]), size, drop_last=True):
        yield tuple(t[idx] for t in data)


def rate(step, total, warmup, peak):
    if step < warmup:
        return peak * step / warmup
    return 0.5 * peak * (1 + math.cos(math.pi * (step - warmup) / (total - warmup)))


def r_squared(params, x, y):
    with torch.no_grad():
        return 1 - F.mse_loss(forward(params, x), y).item() / y.var().item()


def main(args):
    rng = np.random.default_rng(args.seed)
    torch.manual_seed(args.seed)
    sheet, demand = clean(*survey(args.samples, rng))
    demand = (demand - demand.mean()) / demand.std()
    train, held = split(transform(sheet), demand, held_out=700, rng=rng)
    print(f"{len(train[0])} samples to train on, {len(held[0])} held out")

    params = init_params([len(FIELDS), args.width, args.width, args.width, 1], torch.Generator().manual_seed(args.seed))
    opt = torch.optim.Adam(params.values(), lr=args.lr)
    total = args.epochs * (len(train[0]) // args.batch)
    step = 0
    for epoch in range(1, args.epochs + 1):
        losses = []
        for x, y in batches(train, args.batch):
            opt.param_groups[0]["lr"] = rate(step, total, args.warmup, args.lr)
            loss = F.smooth_l1_loss(forward(params, x), y, beta=0.5)
            grads = torch.autograd.grad(loss, list(params.values()))
            for p, g in zip(params.values(), grads):
                p.grad = g
            opt.step()
            losses.append(loss.item())
            step += 1
        if epoch == 1 or epoch % 10 == 0:
            first, last = np.mean(losses[:10]), np.mean(losses[-10:])
            score = r_squared(params, *held)
            print(f"epoch {epoch:3d}  loss {first:.4f} -> {last:.4f}  held out R2 {score:.3f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--samples", type=int, default=4200)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=90)
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--warmup", type=int, default=100)
    parser.add_argument("--seed", type=int, default=13)
    main(parser.parse_args())
