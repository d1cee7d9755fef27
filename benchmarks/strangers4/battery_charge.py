# Coulomb counting with a small recurrent net.
# A scooter battery is driven through random current pulses; from the noisy
# current and temperature logs the net has to say how much charge is left at the
# end of the ride (and how much of it was lost to self-heating).

import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

torch.set_num_threads(1)

CONFIG = dict(
    rides=3000,
    held_out=600,
    steps=60,
    hidden=40,
    batch=50,
    epochs=14,
    lr=0.01,
    momentum=0.9,
    grad_norm=0.5,
    seed=21,
)


class Rides(Dataset):
    """Sequences of (current, temperature, at rest?) and (charge left, heat loss)."""

    def __init__(self, count, steps, rng):
        self.logs = np.zeros((count, steps, 3), dtype=np.float32)
        self.ends = np.zeros((count, 2), dtype=np.float32)
        for i in range(count):
            self.logs[i], self.ends[i] = self.ride(steps, rng)

    @staticmethod
    def ride(steps, rng):
        current = np.zeros(steps)
        level = rng.uniform(0.0, 1.0)
        for t in range(steps):
            if rng.random() < 0.15:
                level = rng.choice([0.0, rng.uniform(0.3, 1.6), -rng.uniform(0.2, 0.9)])
            current[t] = level
        ambient = rng.uniform(-1.0, 1.0)
        temperature = np.zeros(steps)
        warm = 0.0
        for t in range(steps):
            warm = 0.93 * warm + 0.1 * current[t] ** 2
            temperature[t] = ambient + warm
        efficiency = np.where(current < 0, 0.92, 1.0) * (1 - 0.06 * ambient)
        used = (current * efficiency).sum() / steps
        heat = (current ** 2 * (1.2 - 0.3 * temperature.clip(-1, 2))).sum() / steps
        noisy = current + rng.normal(0, 0.05, steps)
        log = np.stack([noisy, temperature + rng.normal(0, 0.05, steps), current == 0.0], axis=1)
        return log, (3.0 - 5.0 * used, 3.0 * heat)

    def __len__(self):
        return len(self.ends)

    def __getitem__(self, i):
        return self.logs[i], self.ends[i]


class ChargeNet(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.rnn = nn.RNN(3, hidden, nonlinearity="relu", batch_first=True)
        self.out = nn.Linear(hidden, 2)
        # identity start, so that the cells can count
        nn.init.eye_(self.rnn.weight_hh_l0)
        nn.init.zeros_(self.rnn.bias_hh_l0)
        nn.init.normal_(self.rnn.weight_ih_l0, std=0.1)
        nn.init.zeros_(self.rnn.bias_ih_l0)

    def forward(self, log):
        _, last = self.rnn(log)
        return self.out(last[0])


def fit_epoch(net, loader, opt, grad_norm):
    net.train()
    losses = []
    for log, end in loader:
        opt.zero_grad()
        loss = nn.functional.smooth_l1_loss(net(log), end)
        loss.backward()
        opt.step()
        nn.utils.clip_grad_norm_(net.parameters(), grad_norm)
        losses.append(loss.item())
    return float(np.mean(losses))


def mean_error(net, loader):
    net.eval()
    off = []
    with torch.no_grad():
        for log, end in loader:
            off.append((net(log) - end).abs())
    off = torch.cat(off).mean(0)
    return off[0].item(), off[1].item()


def main(cfg):
    torch.manual_seed(cfg["seed"])
    rng = np.random.default_rng(cfg["seed"])
    train = Rides(cfg["rides"], cfg["steps"], rng)
    test = Rides(cfg["held_out"], cfg["steps"], rng)
    print("spread of the targets:", train.ends.std(0).round(3))
    train_loader = DataLoader(train, batch_size=cfg["batch"], shuffle=True)
    test_loader = DataLoader(test, batch_size=300)

    net = ChargeNet(cfg["hidden"])
    opt = torch.optim.SGD(net.parameters(), lr=cfg["lr"], momentum=cfg["momentum"])
    sched = torch.optim.lr_scheduler.MultiStepLR(opt, milestones=[8, 12], gamma=0.3)

    for epoch in range(cfg["epochs"]):
        loss = fit_epoch(net, train_loader, opt, cfg["grad_norm"])
        sched.step()
        charge, heat = mean_error(net, test_loader)
        print(f"epoch {epoch + 1:2d}: loss {loss:.4f}   held-out |error| charge {charge:.3f}, heat {heat:.3f}")


if __name__ == "__main__":
    main(CONFIG)
