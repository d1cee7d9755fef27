"""
Month-by-month cancellation of subscriptions (discrete-time hazards).

Each customer is followed for at most 18 months; some leave the study early
without cancelling (censored).  The network gives one hazard per month.
Held-out measure: concordance between predicted risk and the order of
cancellations (0.5 = guessing, 1 = perfect order).
"""
import argparse

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

torch.set_num_threads(1)
MONTHS = 18
PLANS = 4


class Customers(Dataset):
    def __init__(self, n, seed):
        rng = np.random.default_rng(seed)
        plan = rng.integers(0, PLANS, n)
        price = rng.gamma(6, 2.5, n) + 3 * plan
        usage = np.exp(rng.normal(0, 0.7, n))
        tickets = rng.poisson(1.2, n)
        age = rng.uniform(18, 75, n)
        autopay = rng.random(n) < 0.55
        noise = rng.normal(0, 1, (n, 3))

        risk = (0.06 * (price - 20) * np.where(plan < 2, 1.2, 0.4) - 1.0 * np.log(usage)
                + 0.45 * np.minimum(tickets, 4) - 0.8 * autopay + 0.0012 * (age - 45) ** 2)
        m = np.arange(1, MONTHS + 1)
        season = 0.8 * (m % 12 == 0) + 0.4 * (m <= 2) - 0.05 * m
        hazard = 1 / (1 + np.exp(-(-3.4 + risk[:, None] + season[None])))
        leaves = rng.random((n, MONTHS)) < hazard
        first = np.where(leaves.any(1), leaves.argmax(1), MONTHS)
        censor = rng.integers(3, MONTHS + 8, n)
        month = np.minimum(np.minimum(first, censor), MONTHS - 1)

        cont = np.stack([np.log(price), np.log(usage), tickets, age / 20, autopay, *noise.T], 1)
        self.cont = torch.tensor((cont - cont.mean(0)) / cont.std(0), dtype=torch.float32)
        self.plan = torch.from_numpy(plan)
        self.month = torch.from_numpy(month)
        self.event = torch.from_numpy((first <= censor) & (first < MONTHS))

    def __len__(self):
        return len(self.plan)

    def __getitem__(self, i):
        return self.cont[i], self.plan[i], self.month[i], self.event[i]


class HazardNet(nn.Module):
    def __init__(self, n_cont, hidden):
        super().__init__()
        self.plan = nn.Embedding(PLANS, 4)
        self.body = nn.Sequential(
            nn.Linear(n_cont + 4, hidden), nn.GELU(), nn.Dropout(0.05),
            nn.Linear(hidden, hidden), nn.GELU(),
        )
        self.level = nn.Linear(hidden, 1)
        self.shape = nn.Linear(hidden, MONTHS)
        nn.init.normal_(self.shape.weight, std=0.01)
        nn.init.constant_(self.level.bias, -2.5)

    def forward(self, cont, plan):
        z = self.body(torch.cat([cont, self.plan(plan)], dim=1))
        return self.level(z) + self.shape(z)


def hazard_log_lik(logits, month, event):
    """Log of the probability of what was seen of each customer."""
    when = torch.arange(MONTHS)[None]
    stayed = (when < month[:, None]) | ((when == month[:, None]) & ~event[:, None])
    left = (when == month[:, None]) & event[:, None]
    per_month = F.logsigmoid(-logits) * stayed + F.logsigmoid(logits) * left
    return per_month.sum(1)


def objective(logits, month, event, smooth):
    fit = hazard_log_lik(logits, month, event).mean()
    rough = (logits[:, 1:] - logits[:, :-1]).pow(2).mean()
    return fit + smooth * rough


def concordance(risk, month, event):
    earlier = (month[:, None] < month[None, :]) & event[:, None]
    better = (risk[:, None] > risk[None, :]).float() + 0.5 * (risk[:, None] == risk[None, :]).float()
    return (better * earlier).sum().item() / earlier.sum().item()


@torch.no_grad()
def evaluate(model, data, smooth):
    model.eval()
    logits = model(data.cont, data.plan)
    survive = torch.cumprod(torch.sigmoid(-logits), dim=1)
    risk = MONTHS - survive.sum(1)
    return objective(logits, data.month, data.event, smooth).item(), concordance(risk, data.month, data.event)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--hidden", type=int, default=48)
    parser.add_argument("--lr", type=float, default=5e-4)
    parser.add_argument("--smooth", type=float, default=0.02)
    parser.add_argument("--seed", type=int, default=8)
    opt = parser.parse_args()

    torch.manual_seed(opt.seed)
    train, held = Customers(6000, opt.seed), Customers(2000, opt.seed + 1)
    loader = DataLoader(train, batch_size=100, shuffle=True)
    model = HazardNet(train.cont.shape[1], opt.hidden)
    adam = torch.optim.Adam(model.parameters(), lr=opt.lr, weight_decay=1e-5)
    decay = torch.optim.lr_scheduler.ExponentialLR(adam, gamma=0.9)

    print(f"{int(train.event.sum())} of {len(train)} training customers cancel")
    for epoch in range(opt.epochs):
        model.train()
        sums = 0.0
        for cont, plan, month, event in loader:
            adam.zero_grad()
            loss = objective(model(cont, plan), month, event, opt.smooth)
            loss.backward()
            adam.step()
            sums += loss.item() * len(plan)
        decay.step()
        held_loss, c_index = evaluate(model, held, opt.smooth)
        print(f"epoch {epoch + 1:2d}: loss {sums / len(train):9.4f}   held-out loss {held_loss:9.4f}   "
              f"concordance {c_index:.3f}")


if __name__ == "__main__":
    main()
