# hourly demand of a bike-share station, plain functions and a dict of tensors
import math

import numpy as np
import torch

torch.set_num_threads(1)

SEED = 29
HIDDEN = (32, 32)
BATCH = 96
EPOCHS = 24
LR = 4e-3


def bump(hour, centre, width):
    d = np.minimum(np.abs(hour - centre), 24 - np.abs(hour - centre))
    return np.exp(-0.5 * (d / width) ** 2)


def make_year(n_days, seed):
    """One row per hour: calendar and weather columns, and the number of rentals."""
    rng = np.random.default_rng(seed)
    hours = np.arange(n_days * 24)
    day, hour = hours // 24, (hours % 24).astype(float)
    season = np.cos(2 * np.pi * (day - 200) / 365.0)
    weekend = ((day % 7) >= 5).astype(float)
    day_anomaly = rng.normal(0, 3.5, n_days)[day]
    temp = 12 + 10 * season + 4 * np.sin(2 * np.pi * (hour - 9) / 24) + day_anomaly
    rain = np.clip(rng.gamma(0.4, 1.6, n_days)[day] * rng.uniform(0.3, 1.7, hours.size) - 0.5, 0, None)
    wind = np.abs(rng.normal(0, 4, n_days))[day] + rng.normal(0, 0.7, hours.size)

    work = 1.6 * bump(hour, 8, 1.2) + 1.9 * bump(hour, 17.5, 1.6) + 0.5 * bump(hour, 12.5, 2)
    free = 1.5 * bump(hour, 14, 3.4) + 0.35 * bump(hour, 0, 1.5)
    base = 0.12 + np.where(weekend > 0, free, work)
    comfort = np.exp(-0.5 * ((temp - 21) / 11) ** 2)
    wet = np.where(weekend > 0, np.exp(-0.9 * rain), np.exp(-0.35 * rain))
    rate = 140 * base * comfort * wet * (1 - 0.02 * np.clip(wind - 5, 0, 12))
    count = rng.poisson(rate)

    columns = np.stack([
        np.sin(2 * np.pi * hour / 24), np.cos(2 * np.pi * hour / 24),
        np.sin(4 * np.pi * hour / 24), np.cos(4 * np.pi * hour / 24),
        weekend, temp, np.sqrt(rain), wind, season,
    ], axis=1)
    return columns.astype(np.float32), np.sqrt(count).astype(np.float32)


def dense_params(n_in, n_out):
    scale = 1.0 / math.sqrt(n_in)
    return torch.ones(n_in, n_out) * scale, torch.zeros(n_out)


def init_network(n_features):
    sizes = (n_features,) + HIDDEN + (1,)
    params = {}
    for k, (n_in, n_out) in enumerate(zip(sizes[:-1], sizes[1:])):
        w, b = dense_params(n_in, n_out)
        params[f"w{k}"] = w.requires_grad_(True)
        params[f"b{k}"] = b.requires_grad_(True)
    return params


def predict(params, x):
    n_layers = len(params) // 2
    for k in range(n_layers):
        x = x @ params[f"w{k}"] + params[f"b{k}"]
        if k < n_layers - 1:
            x = torch.tanh(x)
    return x.squeeze(-1)


def batches(x, y, size, generator):
    order = torch.randperm(len(x), generator=generator)
    for chunk in order.split(size):
        yield x[chunk], y[chunk]


def r_squared(params, x, y):
    with torch.no_grad():
        residual = ((predict(params, x) - y) ** 2).sum()
    return (1 - residual / ((y - y.mean()) ** 2).sum()).item()


def lr_at(step, total, peak, warmup=60):
    if step < warmup:
        return peak * (step + 1) / warmup
    done = (step - warmup) / max(1, total - warmup)
    return peak * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done)))


def main():
    torch.manual_seed(SEED)
    generator = torch.Generator().manual_seed(SEED)

    x_train, y_train = (torch.from_numpy(a) for a in make_year(560, SEED))
    x_test, y_test = (torch.from_numpy(a) for a in make_year(180, SEED + 1))
    mean, std = x_train.mean(0), x_train.std(0)
    x_train, x_test = (x_train - mean) / std, (x_test - mean) / std
    y_mean, y_std = y_train.mean(), y_train.std()
    y_train, y_test = (y_train - y_mean) / y_std, (y_test - y_mean) / y_std

    params = init_network(x_train.shape[1])
    optimizer = torch.optim.Adam(params.values(), lr=LR, betas=(0.9, 0.98))
    total_steps = EPOCHS * math.ceil(len(x_train) / BATCH)
    step = 0

    for epoch in range(EPOCHS):
        losses = []
        for xb, yb in batches(x_train, y_train, BATCH, generator):
            for group in optimizer.param_groups:
                group["lr"] = lr_at(step, total_steps, LR)
            loss = torch.nn.functional.smooth_l1_loss(predict(params, xb), yb)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            step += 1
        print(f"epoch {epoch + 1:3d} | loss {np.mean(losses):.4f} | R2 on unseen days "
              f"{r_squared(params, x_test, y_test):.3f}")


if __name__ == "__main__":
    main()
