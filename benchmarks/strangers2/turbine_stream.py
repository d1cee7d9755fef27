"""Follow the operating mode of wind turbines from their live sensor streams.

Every turbine is one endless recording. We cut the recordings into consecutive windows, feed the windows in order and
hand the hidden state on, the way the model will run in the field.
"""

import logging
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

logging.basicConfig(level=logging.INFO, format="%(levelname).1s %(message)s")
logger = logging.getLogger("turbines")

MODES = ("idle", "run", "brake")


@dataclass
class StreamConfig:
    turbines: int = 24
    steps: int = 2000
    window: int = 25
    hidden: int = 40
    epochs: int = 7
    lr: float = 4e-3
    warmup: int = 60
    clip: float = 0.25
    seed: int = 31
    class_weight: list = field(default_factory=lambda: [1.0, 1.0, 1.0])


def record(n_turbines, n_steps, rng):
    """Operators send short pulses (start / stop / emergency); the mode holds until the next pulse that matters."""
    x = np.zeros((n_steps, n_turbines, 6), dtype=np.float32)
    y = np.zeros((n_steps, n_turbines), dtype=np.int64)
    wind = rng.normal(0, 1, n_turbines)
    mode = np.zeros(n_turbines, dtype=np.int64)
    for t in range(n_steps):
        wind = 0.95 * wind + 0.3 * rng.normal(size=n_turbines)
        pulse = rng.choice(4, n_turbines, p=[0.94, 0.025, 0.02, 0.015])
        mode = np.where(pulse == 1, np.where(mode == 2, 2, 1), mode)  # start does nothing while braking
        mode = np.where(pulse == 2, 0, mode)
        mode = np.where(pulse == 3, np.where(mode == 1, 2, mode), mode)  # only a running rotor can brake
        x[t, :, :3] = (pulse[:, None] == np.array([1, 2, 3])).astype(np.float32)
        x[t, :, 3] = wind
        x[t, :, 4] = 0.5 * wind + 0.4 * rng.normal(size=n_turbines)
        x[t, :, 5] = 0.3 * rng.normal(size=n_turbines)
        y[t] = mode
    return torch.from_numpy(x), torch.from_numpy(y)


class StreamWindows(Dataset):
    """Item k is window k of all turbines, (window, turbines, sensors)."""

    def __init__(self, x, y, window):
        self.x, self.y, self.window = x, y, window

    def __len__(self):
        return len(self.x) // self.window

    def __getitem__(self, k):
        span = slice(k * self.window, (k + 1) * self.window)
        return self.x[span], self.y[span]


class ModeTracker(nn.Module):
    def __init__(self, n_sensors, hidden):
        super().__init__()
        self.norm = nn.LayerNorm(hidden)
        self.lift = nn.Linear(n_sensors, hidden)
        self.rnn = nn.GRU(hidden, hidden)
        self.head = nn.Linear(hidden, len(MODES))

    def forward(self, x, state=None):
        z, state = self.rnn(torch.tanh(self.lift(x)), state)
        return self.head(self.norm(z)), state


class StreamRunner:
    def __init__(self, model, cfg):
        self.model, self.cfg = model, cfg
        self.loss_fn = nn.CrossEntropyLoss(weight=torch.tensor(cfg.class_weight))
        self.optimizer = torch.optim.Adam(model.parameters(), lr=cfg.lr)
        self.warmup = torch.optim.lr_scheduler.LambdaLR(
            self.optimizer, lambda step: min(1.0, step / cfg.warmup)
        )

    def train_pass(self, loader):
        """One pass through the recordings from the first window to the last."""
        self.model.train()
        state, losses, norms = None, [], []
        for x, y in loader:
            if state is not None:
                state = state.detach()
            logits, state = self.model(x, state)
            loss = self.loss_fn(logits.flatten(0, 1), y.flatten())
            self.optimizer.zero_grad()
            loss.backward()
            norms.append(float(nn.utils.clip_grad_norm_(self.model.parameters(), self.cfg.clip)))
            self.optimizer.step()
            self.warmup.step()
            losses.append(loss.item())
        return np.mean(losses), np.median(norms)

    @torch.no_grad()
    def follow(self, loader):
        """Accuracy on fresh recordings; also apart for steps long after the last change of mode."""
        self.model.eval()
        state, guesses, truth = None, [], []
        for x, y in loader:
            logits, state = self.model(x, state)
            guesses.append(logits.argmax(-1))
            truth.append(y)
        guess, y = torch.cat(guesses), torch.cat(truth)
        since, counter = torch.zeros_like(y), torch.zeros_like(y[0])
        for t in range(1, len(y)):
            counter = torch.where(y[t] != y[t - 1], torch.zeros_like(counter), counter + 1)
            since[t] = counter
        right = (guess == y).float()
        return right.mean().item(), right[since > 2 * self.cfg.window].mean().item()


def main():
    cfg = StreamConfig()
    torch.manual_seed(cfg.seed)
    rng = np.random.default_rng(cfg.seed)
    train_loader = DataLoader(
        StreamWindows(*record(cfg.turbines, cfg.steps, rng), cfg.window), batch_size=None, shuffle=False
    )
    test_loader = DataLoader(
        StreamWindows(*record(cfg.turbines, cfg.steps // 4, rng), cfg.window), batch_size=None, shuffle=False
    )
    model = ModeTracker(6, cfg.hidden)
    runner = StreamRunner(model, cfg)
    checkpoints = []
    for epoch in range(cfg.epochs):
        loss, norm = runner.train_pass(train_loader)
        acc, late = runner.follow(test_loader)
        checkpoints.append((acc, {k: v.clone() for k, v in model.state_dict().items()}))
        logger.info(
            "pass %d  loss %.3f  grad norm %.2f  accuracy %.3f  (old modes %.3f)",
            epoch,
            loss,
            norm,
            acc,
            late,
        )
    best_acc, best = max(checkpoints, key=lambda c: c[0])
    model.load_state_dict(best)
    logger.info("kept the pass with accuracy %.3f", best_acc)


if __name__ == "__main__":
    main()
