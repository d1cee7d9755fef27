"""Storm surge from tide gauges: an offshore buoy flags the kind of swell, the harbour asks for it when it arrives.

The gauges report without end, so the network runs along the streams and keeps its state from window to window.
"""

import argparse
import logging
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

logging.basicConfig(level=logging.INFO, format="%(levelname).1s %(message)s")
log = logging.getLogger("tide")


@dataclass
class Config:
    sample_minutes: int = 10
    report_minutes: int = 60
    window_hours: int = 10
    travel_steps: int = 24
    swells: int = 4
    harbours: int = 32
    month_steps: int = 1440
    months: int = 28
    hidden: int = 48
    lr: float = 5e-3
    clip: float = 1.0
    seed: int = 2

    @property
    def window(self):
        return self.window_hours * 60 // self.report_minutes


class Month:
    """One month of all harbours: inputs (harbour, step, feature), swell to name, and where it is asked for."""

    def __init__(self, cfg, rng):
        b, t = cfg.harbours, cfg.month_steps
        flags = np.zeros((b, t, cfg.swells + 1), np.float32)
        self.asked = np.zeros((b, t), bool)
        self.swell = np.zeros((b, t), np.int64)
        for i in range(b):
            at = int(rng.integers(0, 20))
            while at + cfg.travel_steps < t:
                kind = int(rng.integers(cfg.swells))
                flags[i, at, kind] = 1
                arrival = at + cfg.travel_steps
                flags[i, arrival, -1] = 1
                self.asked[i, arrival], self.swell[i, arrival] = True, kind
                at = arrival + int(rng.integers(2, 12))
        hours = np.arange(t) * cfg.sample_minutes / 60
        tide = np.sin(2 * np.pi * hours / 12.42 + rng.uniform(0, 2 * np.pi, (b, 1)))
        level = tide + rng.normal(0, 0.3, (b, t))
        wind = rng.normal(0, 0.5, (b, t))
        features = np.concatenate([2 * flags, level[..., None], wind[..., None]], axis=2)
        self.x = torch.tensor(features, dtype=torch.float32)
        self.asked, self.swell = torch.from_numpy(self.asked), torch.from_numpy(self.swell)

    def windows(self, length):
        for lo in range(0, self.x.size(1), length):
            part = slice(lo, lo + length)
            yield self.x[:, part], self.swell[:, part], self.asked[:, part]


class SurgeNet(nn.Module):
    def __init__(self, n_in, cfg):
        super().__init__()
        self.gru = nn.GRU(n_in, cfg.hidden, batch_first=True)
        self.norm = nn.LayerNorm(cfg.hidden)
        self.out = nn.Linear(cfg.hidden, cfg.swells)
        with torch.no_grad():
            self.gru.bias_hh_l0[cfg.hidden : 2 * cfg.hidden] = 1.0

    def forward(self, x, state=None):
        y, state = self.gru(x, state)
        return self.out(self.norm(y)), state


def repackage(state):
    return None if state is None else state.detach()


def run_month(model, month, cfg, optimizer=None):
    state, loss_sum, hits, n = None, 0.0, 0, 0
    for x, swell, asked in month.windows(cfg.window):
        logits, state = model(x, repackage(state))
        if not asked.any():
            continue
        logits, swell = logits[asked], swell[asked]
        loss = F.cross_entropy(logits, swell)
        if optimizer is not None:
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), cfg.clip)
            optimizer.step()
        loss_sum += loss.item() * len(swell)
        hits += (logits.argmax(1) == swell).sum().item()
        n += len(swell)
    return loss_sum / n, hits / n


def main():
    cfg = Config()
    parser = argparse.ArgumentParser()
    parser.add_argument("--months", type=int, default=cfg.months)
    parser.add_argument("--travel-steps", type=int, default=cfg.travel_steps)
    parser.add_argument("--window-hours", type=int, default=cfg.window_hours)
    parser.add_argument("--seed", type=int, default=cfg.seed)
    for key, value in vars(parser.parse_args()).items():
        setattr(cfg, key, value)

    torch.manual_seed(cfg.seed)
    rng = np.random.default_rng(cfg.seed)
    held_out = Month(cfg, rng)
    model = SurgeNet(held_out.x.size(2), cfg)
    optimizer = torch.optim.Adam(model.parameters(), lr=cfg.lr)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.97)
    log.info("%d harbours, windows of %d h", cfg.harbours, cfg.window_hours)
    for number in range(1, cfg.months + 1):
        model.train()
        loss, acc = run_month(model, Month(cfg, rng), cfg, optimizer)
        scheduler.step()
        if number % 4 == 0:
            model.eval()
            with torch.no_grad():
                held_loss, held_acc = run_month(model, held_out, cfg)
            log.info(
                "month %2d  loss %.3f  right %.3f | held out  loss %.3f  right %.3f",
                number, loss, acc, held_loss, held_acc,
            )


if __name__ == "__main__":
    main()
