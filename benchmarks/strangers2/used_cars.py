"""Estimate second-hand car prices from listing tables (numeric columns + a few categories)."""

import argparse
import copy
import logging
import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset, Subset

log = logging.getLogger("used_cars")

BRANDS = ["aurora", "bergo", "cito", "delmar", "eiffel", "fjord", "gran", "helio"]
FUELS = ["petrol", "diesel", "hybrid", "electric"]
GEARS = ["manual", "automatic"]


@dataclass
class Config:
    n_listings: int = 4000
    emb_dim: int = 6
    hidden: int = 96
    dropout: float = 0.05
    batch_size: int = 64
    epochs: int = 30
    lr: float = 2e-3
    weight_decay: float = 1e-4
    patience: int = 12
    seed: int = 11


def make_listings(n, seed):
    rng = np.random.default_rng(seed)
    age = rng.gamma(2.5, 2.4, n).clip(0, 22)
    km = (age * rng.normal(14, 4, n).clip(3, 40) + rng.exponential(4, n)).clip(0, 400)
    power = rng.normal(95, 30, n).clip(40, 260)
    owners = 1 + rng.poisson(age / 6)
    brand = rng.integers(0, len(BRANDS), n)
    fuel = rng.choice(len(FUELS), n, p=[0.45, 0.3, 0.15, 0.1])
    gear = rng.integers(0, len(GEARS), n)
    prestige = np.array([0.35, -0.2, -0.3, 0.1, 0.0, 0.5, 0.25, -0.1])
    fade = np.array([0.09, 0.13, 0.15, 0.1, 0.11, 0.07, 0.1, 0.12])
    log_price = (
        9.6
        + prestige[brand]
        - fade[brand] * age
        - 0.0016 * km
        + 0.006 * (power - 95)
        + np.array([0.0, 0.05, 0.12, 0.2])[fuel]
        + 0.08 * gear
        - 0.05 * (owners - 1)
        - 0.03 * (fuel == 3) * age
        + rng.normal(0, 0.08, n)
    )
    numeric = np.stack([age, km, power, owners], axis=1)
    category = np.stack([brand, fuel, gear], axis=1)
    return numeric.astype(np.float32), category.astype(np.int64), log_price.astype(np.float32)


class StandardScaler:
    def fit(self, x):
        self.mean, self.std = x.mean(axis=0), x.std(axis=0) + 1e-8
        return self

    def transform(self, x):
        return (x - self.mean) / self.std

    def inverse(self, x):
        return x * self.std + self.mean


class ListingDataset(Dataset):
    def __init__(self, numeric, category, price):
        self.numeric = torch.from_numpy(numeric)
        self.category = torch.from_numpy(category)
        self.price = torch.from_numpy(price)

    def __len__(self):
        return len(self.price)

    def __getitem__(self, i):
        return self.numeric[i], self.category[i], self.price[i]


class PriceNet(nn.Module):
    def __init__(self, n_numeric, cards, cfg):
        super().__init__()
        self.embeddings = nn.ModuleList([nn.Embedding(c, cfg.emb_dim) for c in cards])
        width = n_numeric + cfg.emb_dim * len(cards)
        self.body = nn.Sequential(
            nn.Linear(width, cfg.hidden),
            nn.LayerNorm(cfg.hidden),
            nn.SiLU(),
            nn.Dropout(cfg.dropout),
            nn.Linear(cfg.hidden, cfg.hidden),
            nn.LayerNorm(cfg.hidden),
            nn.SiLU(),
        )
        self.out = nn.Linear(cfg.hidden, 1)

    def forward(self, numeric, category):
        embedded = [emb(category[:, j]) for j, emb in enumerate(self.embeddings)]
        return self.out(self.body(torch.cat([numeric] + embedded, dim=1)))


class Trainer:
    def __init__(self, model, cfg, price_scaler):
        self.model, self.cfg, self.scaler = model, cfg, price_scaler
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=cfg.lr, weight_decay=cfg.weight_decay)
        self.scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, cfg.epochs, eta_min=1e-4)
        self.best_mae, self.best_state, self.bad_epochs = math.inf, None, 0

    def train_epoch(self, loader):
        self.model.train()
        total, seen = 0.0, 0
        for numeric, category, price in loader:
            self.optimizer.zero_grad()
            pred = self.model(numeric, category)
            err = pred - price
            # log-cosh, written so that it does not overflow
            loss = (err + F.softplus(-2.0 * err) - math.log(2.0)).mean()
            loss.backward()
            self.optimizer.step()
            total += loss.item() * len(price)
            seen += len(price)
        self.scheduler.step()
        return total / seen

    @torch.no_grad()
    def evaluate(self, loader):
        self.model.eval()
        preds, prices = [], []
        for numeric, category, price in loader:
            preds.append(self.model(numeric, category).flatten())
            prices.append(price)
        pred, price = torch.cat(preds).numpy(), torch.cat(prices).numpy()
        r2 = 1.0 - ((pred - price) ** 2).sum() / ((price - price.mean()) ** 2).sum()
        euros = np.abs(np.exp(self.scaler.inverse(pred)) - np.exp(self.scaler.inverse(price)))
        return {"mae": float(euros.mean()), "r2": float(r2)}

    def fit(self, train_loader, val_loader):
        for epoch in range(self.cfg.epochs):
            loss = self.train_epoch(train_loader)
            metrics = self.evaluate(val_loader)
            log.info(
                "epoch %2d  loss %.4f  val MAE %.0f EUR  R2 %.3f", epoch, loss, metrics["mae"], metrics["r2"]
            )
            if metrics["mae"] < self.best_mae:
                self.best_mae, self.bad_epochs = metrics["mae"], 0
                self.best_state = copy.deepcopy(self.model.state_dict())
            else:
                self.bad_epochs += 1
                if self.bad_epochs >= self.cfg.patience:
                    log.info("early stop")
                    break
        self.model.load_state_dict(self.best_state)
        return self.evaluate(val_loader)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=Config.epochs)
    parser.add_argument("--lr", type=float, default=Config.lr)
    parser.add_argument("--seed", type=int, default=Config.seed)
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    cfg = Config(epochs=args.epochs, lr=args.lr, seed=args.seed)
    torch.manual_seed(cfg.seed)

    numeric, category, log_price = make_listings(cfg.n_listings, cfg.seed)
    n_train = int(0.8 * cfg.n_listings)
    x_scaler = StandardScaler().fit(numeric[:n_train])
    y_scaler = StandardScaler().fit(log_price[:n_train])
    data = ListingDataset(
        x_scaler.transform(numeric).astype(np.float32),
        category,
        y_scaler.transform(log_price).astype(np.float32),
    )
    train_loader = DataLoader(
        Subset(data, range(n_train)), batch_size=cfg.batch_size, shuffle=True, drop_last=True
    )
    val_loader = DataLoader(Subset(data, range(n_train, cfg.n_listings)), batch_size=256)

    model = PriceNet(numeric.shape[1], [len(BRANDS), len(FUELS), len(GEARS)], cfg)
    log.info("%d parameters", sum(p.numel() for p in model.parameters()))
    final = Trainer(model, cfg, y_scaler).fit(train_loader, val_loader)
    log.info("best model: MAE %.0f EUR, R2 %.3f", final["mae"], final["r2"])


if __name__ == "__main__":
    main()
