"""Draw a floor plan from wifi scans alone.

Phones report signal strengths of the access points; for pairs of scans we also know how far the person walked.
A small network in plain tensors maps a scan to (x, y) so that distances on the map match the walked ones.
"""

import math

import numpy as np
import torch

SEED = 42
N_SCANS = 900
N_ACCESS_POINTS = 14
FLOOR = (36.0, 20.0)
HIDDEN = 48
BATCH = 48
STEPS = 900
PEAK_LR = 4e-3
UNIT = 10.0  # map units are tens of metres

torch.manual_seed(SEED)
rng = np.random.default_rng(SEED)


# ---------------------------------------------------------------- data
def simulate():
    where = rng.uniform((0, 0), FLOOR, (N_SCANS, 2))
    aps = rng.uniform((0, 0), FLOOR, (N_ACCESS_POINTS, 2))
    dist = np.linalg.norm(where[:, None] - aps[None], axis=-1)
    rssi = -38 - 22 * np.log10(dist + 1.0) + rng.normal(0, 1.0, dist.shape)
    # some phones answer from the cache when the person has not moved
    for i in rng.choice(np.arange(1, N_SCANS), 5, replace=False):
        where[i], rssi[i] = where[i - 1], rssi[i - 1]
    rssi = (rssi - rssi.mean(0)) / rssi.std(0)
    return where.astype(np.float32), rssi.astype(np.float32)


class ScanPairs(torch.utils.data.Dataset):
    """One item is one scan; the walked distances are looked up for the whole batch in collate()."""

    def __init__(self, where, rssi):
        self.rssi = torch.from_numpy(rssi)
        self.where = torch.from_numpy(where)
        walked = torch.cdist(self.where, self.where, compute_mode="donot_use_mm_for_euclid_dist") / UNIT
        noise = 1 + 0.03 * torch.randn_like(walked)
        self.walked = walked * (noise + noise.T) / 2

    def __len__(self):
        return len(self.rssi)

    def __getitem__(self, i):
        return i

    def collate(self, ids):
        ids = torch.tensor(ids)
        a, b = torch.triu_indices(len(ids), len(ids), offset=1)
        return self.rssi[ids], a, b, self.walked[ids[a], ids[b]]


# ---------------------------------------------------------------- network
def weight(n_in, n_out):
    return (torch.randn(n_in, n_out) * math.sqrt(1.0 / n_in)).requires_grad_()


def bias(n):
    return torch.zeros(n, requires_grad=True)


params = {
    "w1": weight(N_ACCESS_POINTS, HIDDEN),
    "b1": bias(HIDDEN),
    "w2": weight(HIDDEN, HIDDEN),
    "b2": bias(HIDDEN),
    "w3": weight(HIDDEN, 2),
    "b3": bias(2),
}


def locate(x, p):
    h = torch.tanh(x @ p["w1"] + p["b1"])
    h = h + torch.tanh(h @ p["w2"] + p["b2"])
    return h @ p["w3"] + p["b3"]


def stress(xy, a, b, walked):
    """Mean squared difference of map distance and walked distance, over the pairs that moved."""
    moved = walked > 0
    sq = ((xy[a] - xy[b]) ** 2).sum(-1)
    on_map = torch.where(moved, sq.sqrt(), torch.zeros_like(sq))
    return ((on_map - walked) ** 2).sum() / moved.sum()


# ---------------------------------------------------------------- metrics
def align(xy, truth):
    """Best rotation / reflection / scale onto the true plan (Procrustes), mean error in metres."""
    xy, truth = xy - xy.mean(0), truth - truth.mean(0)
    if not np.isfinite(xy).all():
        return float("nan")
    u, s, vt = np.linalg.svd(xy.T @ truth)
    fitted = xy @ u @ vt * (s.sum() / (xy**2).sum())
    return float(np.linalg.norm(fitted - truth, axis=1).mean())


@torch.no_grad()
def map_error(rssi, where):
    return align(locate(torch.from_numpy(rssi), params).numpy(), where)


# ---------------------------------------------------------------- training
def learning_rate(step):
    warm = min(1.0, (step + 1) / 40)
    return PEAK_LR * warm * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * step / STEPS)))


def main():
    where, rssi = simulate()
    data = ScanPairs(where[:700], rssi[:700])
    loader = torch.utils.data.DataLoader(
        data, batch_size=BATCH, shuffle=True, drop_last=True, collate_fn=data.collate
    )
    optimizer = torch.optim.Adam(params.values(), lr=PEAK_LR)
    step, history = 0, []
    while step < STEPS:
        for x, a, b, walked in loader:
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(step)
            loss = stress(locate(x, params), a, b, walked)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            history.append(loss.item())
            step += 1
            if step % 100 == 0:
                print(
                    f"step {step:4d}  stress {np.mean(history[-100:]):.4f}  "
                    f"map error {map_error(rssi[700:], where[700:]):.2f} m (new scans)"
                )
            if step == STEPS:
                break
    guess = np.tile(where[:700].mean(0), (200, 1))
    print(f"centre of the building as the answer: {np.linalg.norm(guess - where[700:], axis=1).mean():.2f} m")


if __name__ == "__main__":
    main()
