"""Where in the pond is the frog calling?

Six hydrophone buoys float on a small pond; a cross-correlator gives the delay
(seconds) with which each call reaches buoys 1..5 relative to buoy 0.  A network
learns to turn the five delays into the caller's position on the map.
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.set_num_threads(1)

AIR_SPEED = 343.0                 # the calls travel through the air
BUOYS = np.array([[-1.1, -0.4], [0.9, -1.0], [1.3, 0.5], [0.1, 1.4], [-0.8, 1.0], [0.2, -0.1]])


def record_calls(n, rng):
    """Callers sit anywhere in a kidney-shaped pond of about 6 m by 4 m."""
    spots = np.zeros((0, 2))
    while len(spots) < n:
        p = rng.uniform([-3.0, -2.2], [3.0, 2.2], (2 * n, 2))
        inside = (p[:, 0] / 3.0) ** 2 + ((p[:, 1] - 0.25 * p[:, 0] ** 2 / 3.0) / 2.0) ** 2 < 1
        spots = np.concatenate([spots, p[inside]])
    spots = spots[:n]
    speed = AIR_SPEED * (1 + rng.normal(0, 0.004, (n, 1)))
    arrival = np.linalg.norm(spots[:, None] - BUOYS[None], axis=2) / speed
    arrival += rng.normal(0, 8e-6, arrival.shape)
    delays = arrival[:, 1:] - arrival[:, :1]
    return torch.tensor(delays, dtype=torch.float32), torch.tensor(spots, dtype=torch.float32)


class ColumnScaler:
    """Remembers the columns of the training calls and rescales later ones."""

    def __init__(self, tiny=1e-12):
        self.tiny = tiny

    def fit(self, x):
        self.spread, self.centre = torch.var_mean(x, dim=0)
        return self

    def __call__(self, x):
        return (x - self.centre) / (self.spread + self.tiny)


class Calls(Dataset):
    def __init__(self, delays, spots, scaler):
        self.delays = scaler(delays)
        self.spots = spots

    def __len__(self):
        return len(self.spots)

    def __getitem__(self, i):
        return self.delays[i], self.spots[i]


class Locator(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.trunk = nn.Sequential(
            nn.Linear(len(BUOYS) - 1, width),
            nn.Tanh(),
            nn.Linear(width, width),
            nn.Tanh(),
        )
        self.place = nn.Linear(width, 2)

    def forward(self, x):
        return self.place(self.trunk(x))


def run_epoch(model, loader, optimizer):
    model.train()
    total, seen = 0.0, 0
    for delays, spots in loader:
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(delays), spots)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(delays)
        seen += len(delays)
    return total / seen


@torch.no_grad()
def miss_distance(model, loader):
    """Mean distance in metres between the true and the found place."""
    model.eval()
    misses = [(model(delays) - spots).norm(dim=1) for delays, spots in loader]
    return torch.cat(misses).mean().item()


def main(epochs=40, batch=32, lr=0.05):
    torch.manual_seed(11)
    rng = np.random.default_rng(11)
    train_delays, train_spots = record_calls(4000, rng)
    test_delays, test_spots = record_calls(1000, rng)

    scaler = ColumnScaler().fit(train_delays)
    train = DataLoader(Calls(train_delays, train_spots, scaler), batch, shuffle=True)
    test = DataLoader(Calls(test_delays, test_spots, scaler), 500)

    model = Locator()
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9, nesterov=True)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=15, gamma=0.4)
    for epoch in range(1, epochs + 1):
        loss = run_epoch(model, train, optimizer)
        schedule.step()
        print(f"epoch {epoch:2d}  loss {loss:.4f}  held-out miss {miss_distance(model, test):.3f} m")


if __name__ == "__main__":
    main()
