"""Film recommender: matrix factorisation with side information (genre, studio) for the films."""

import argparse
import csv
import io
import math
import sys

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset, random_split


class FakeFilms:
    """A catalogue and ratings (1 to 5 stars) that follow a low-rank taste model."""

    def __init__(self, users=400, films=250, genres=12, studios=20, ratings=14000, rank=5, seed=9):
        g = torch.Generator().manual_seed(seed)
        self.users, self.films, self.genres, self.studios = users, films, genres, studios
        self.genre_of = torch.randint(genres, (films,), generator=g)
        self.studio_of = torch.randint(studios, (films,), generator=g)
        taste = torch.randn(users, rank, generator=g)
        genre_style = torch.randn(genres, rank, generator=g)
        studio_style = 0.5 * torch.randn(studios, rank, generator=g)
        style = genre_style[self.genre_of] + studio_style[self.studio_of]
        style = style + 0.5 * torch.randn(films, rank, generator=g)
        mood = 0.3 * torch.randn(users, generator=g)
        self.rows = []
        user = torch.randint(users, (ratings,), generator=g)
        film = torch.randint(films, (ratings,), generator=g)
        noise = 0.3 * torch.randn(ratings, generator=g)
        stars = 3.2 + mood[user] + 0.55 * (taste[user] * style[film]).sum(1) + noise
        for u, f, s in zip(user.tolist(), film.tolist(), stars.clamp(1, 5).tolist(), strict=True):
            self.rows.append((u, f, s))

    def as_csv(self):
        buf = io.StringIO()
        w = csv.writer(buf)
        w.writerow(["user", "film", "genre", "studio", "stars"])
        for u, f, s in self.rows:
            w.writerow([u, f, int(self.genre_of[f]), int(self.studio_of[f]), f"{s:.3f}"])
        return buf.getvalue()


class RatingsDataset(Dataset):
    def __init__(self, text):
        rows = list(csv.DictReader(io.StringIO(text)))
        self.user = torch.tensor([int(r["user"]) for r in rows])
        self.item = torch.tensor([[int(r["film"]), int(r["genre"]), int(r["studio"])] for r in rows])
        self.stars = torch.tensor([float(r["stars"]) for r in rows])

    def __len__(self):
        return len(self.stars)

    def __getitem__(self, i):
        return self.user[i], self.item[i], self.stars[i]


class ItemTower(nn.Module):
    """One table for each categorical column; a film's vector is the sum over its columns."""

    def __init__(self, sizes, dim):
        super().__init__()
        self.tables = [nn.Embedding(n, dim) for n in sizes]
        for table in self.tables:
            nn.init.normal_(table.weight, std=0.3)

    def forward(self, columns):
        return sum(table(columns[:, i]) for i, table in enumerate(self.tables))


class UserTower(nn.Module):
    def __init__(self, n, dim):
        super().__init__()
        self.table = nn.Embedding(n, dim)
        nn.init.normal_(self.table.weight, std=0.3)

    def forward(self, user):
        return self.table(user)


class Recommender(nn.Module):
    def __init__(self, users, item_sizes, dim=8):
        super().__init__()
        self.user_tower = UserTower(users, dim)
        self.item_tower = ItemTower(item_sizes, dim)
        self.user_bias = nn.Embedding(users, 1)
        self.mean = nn.Parameter(torch.tensor(3.0))
        nn.init.zeros_(self.user_bias.weight)

    def forward(self, user, columns):
        match = (self.user_tower(user) * self.item_tower(columns)).sum(-1)
        return self.mean + self.user_bias(user).squeeze(-1) + match


def rmse(model, loader):
    model.eval()
    total, n = 0.0, 0
    with torch.no_grad():
        for user, columns, stars in loader:
            guess = model(user, columns).clamp(1, 5)
            total += (guess - stars).pow(2).sum().item()
            n += len(stars)
    model.train()
    return math.sqrt(total / n)


def fit(model, train, valid, args):
    opt = torch.optim.AdamW(model.parameters(), lr=args.lr, weight_decay=args.decay)
    sched = torch.optim.lr_scheduler.LinearLR(opt, 1.0, 0.1, total_iters=args.epochs)
    loss_fn = nn.MSELoss()
    best = math.inf
    for epoch in range(args.epochs):
        loss_sum = 0.0
        for user, columns, stars in train:
            opt.zero_grad()
            loss = loss_fn(model(user, columns), stars)
            loss.backward()
            opt.step()
            loss_sum += loss.item()
        sched.step()
        score = rmse(model, valid)
        best = min(best, score)
        sys.stdout.write(f"epoch {epoch:>2}  train mse {loss_sum / len(train):.4f}  valid rmse {score:.4f}\n")
    return best


def main(argv=None):
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("--epochs", type=int, default=16)
    ap.add_argument("--lr", type=float, default=0.01)
    ap.add_argument("--decay", type=float, default=0.1)
    ap.add_argument("--batch", type=int, default=128)
    args = ap.parse_args(argv)
    torch.manual_seed(2)
    films = FakeFilms()
    data = RatingsDataset(films.as_csv())
    train, valid = random_split(data, [0.85, 0.15])
    print(f"stars: mean {data.stars.mean():.3f}, spread {data.stars.std():.3f}")
    model = Recommender(films.users, (films.films, films.genres, films.studios))
    best = fit(
        model,
        DataLoader(train, batch_size=args.batch, shuffle=True),
        DataLoader(valid, batch_size=512),
        args,
    )
    print(f"best valid rmse: {best:.4f}")


if __name__ == "__main__":
    main()
