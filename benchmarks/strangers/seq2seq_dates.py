"""Translate dates written by people ("3rd of march 2019") to ISO ("2019-03-03"), letter by letter."""

import datetime
import random
import tempfile
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

MONTHS = ["january", "february", "march", "april", "may", "june"]
MONTHS += ["july", "august", "september", "october", "november", "december"]
PAD, BOS = 0, 1
SOURCE_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789 ,./"
TARGET_LETTERS = "0123456789-"
S2I = {c: i + 2 for i, c in enumerate(SOURCE_LETTERS)}
T2I = {c: i + 2 for i, c in enumerate(TARGET_LETTERS)}
I2T = {i: c for c, i in T2I.items()}


def write_date(day: datetime.date, rng: random.Random) -> str:
    month = MONTHS[day.month - 1]
    style = rng.randrange(5)
    if style == 0:
        return f"{day.day} {month} {day.year}"
    if style == 1:
        return f"{month} {day.day}, {day.year}"
    if style == 2:
        return f"{day.day} {month[:3]} {day.year}"
    if style == 3:
        return f"{day.day}/{day.month}/{day.year}"
    return f"{day.year}, {month[:3]} {day.day}"


class DateDataset(Dataset):
    def __init__(self, n, seed):
        rng = random.Random(seed)
        first = datetime.date(1950, 1, 1).toordinal()
        self.pairs = []
        for _ in range(n):
            day = datetime.date.fromordinal(first + rng.randrange(36500))
            self.pairs.append((write_date(day, rng), day.isoformat()))

    def __len__(self):
        return len(self.pairs)

    def __getitem__(self, i):
        src, tgt = self.pairs[i]
        return [S2I[c] for c in src], [BOS] + [T2I[c] for c in tgt]


def collate(batch):
    longest = max(len(s) for s, _ in batch)
    src = torch.tensor([s + [PAD] * (longest - len(s)) for s, _ in batch])
    tgt = torch.tensor([t for _, t in batch])
    return src, tgt


class Encoder(nn.Module):
    def __init__(self, emb=24, hidden=48):
        super().__init__()
        self.embed = nn.Embedding(len(S2I) + 2, emb, padding_idx=PAD)
        self.rnn = nn.GRU(emb, hidden, batch_first=True, bidirectional=True)

    def forward(self, src):
        out, _ = self.rnn(self.embed(src))
        return out


class Attention(nn.Module):
    """Additive attention. The memory is set once a sentence, the keys are then shared by all steps."""

    def __init__(self, query_size, memory_size, size=48):
        super().__init__()
        self.key = nn.Linear(memory_size, size, bias=False)
        self.query = nn.Linear(query_size, size)
        self.energy = nn.Linear(size, 1)
        self.memory = self.keys = self.mask = None

    def reset(self, memory, mask):
        self.memory = memory.detach()
        self.keys = self.key(self.memory)
        self.mask = mask

    def forward(self, query):
        scores = self.energy(torch.tanh(self.keys + self.query(query).unsqueeze(1))).squeeze(-1)
        weights = scores.masked_fill(self.mask, -1e9).softmax(dim=-1)
        return torch.bmm(weights.unsqueeze(1), self.memory).squeeze(1)


class Translator(nn.Module):
    def __init__(self, hidden=64, emb=16):
        super().__init__()
        self.hidden = hidden
        self.encoder = Encoder()
        self.attention = Attention(hidden, 96)
        self.embed = nn.Embedding(len(T2I) + 2, emb)
        self.cell = nn.GRUCell(emb + 96, hidden)
        self.out = nn.Linear(hidden + 96, len(T2I) + 2)

    def step(self, token, h):
        context = self.attention(h)
        h = self.cell(torch.cat([self.embed(token), context], dim=-1), h)
        return self.out(torch.cat([h, context], dim=-1)), h

    def forward(self, src, tgt_in):
        self.attention.reset(self.encoder(src), src == PAD)
        h = torch.zeros(src.shape[0], self.hidden)
        logits = []
        for t in range(tgt_in.shape[1]):
            y, h = self.step(tgt_in[:, t], h)
            logits.append(y)
        return torch.stack(logits, dim=1)

    @torch.no_grad()
    def translate(self, src, length=10):
        self.attention.reset(self.encoder(src), src == PAD)
        h = torch.zeros(src.shape[0], self.hidden)
        token = torch.full((src.shape[0],), BOS)
        result = []
        for _ in range(length):
            y, h = self.step(token, h)
            token = y.argmax(-1)
            result.append(token)
        return torch.stack(result, dim=1)


def exact_match(model, loader):
    model.eval()
    right = total = 0
    for src, tgt in loader:
        guess = model.translate(src)
        right += (guess == tgt[:, 1:]).all(dim=1).sum().item()
        total += len(src)
    model.train()
    return right / total


def main():
    torch.manual_seed(11)
    train = DataLoader(DateDataset(4000, 1), batch_size=64, shuffle=True, collate_fn=collate)
    held = DataLoader(DateDataset(400, 2), batch_size=200, collate_fn=collate)
    model = Translator()
    optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
    epochs = 5
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * len(train), eta_min=2e-4)
    with tempfile.TemporaryDirectory() as folder:
        best, checkpoint = -1.0, Path(folder) / "best.pt"
        for epoch in range(epochs):
            running = 0.0
            for src, tgt in train:
                optimizer.zero_grad()
                logits = model(src, tgt[:, :-1])
                loss = F.cross_entropy(logits.reshape(-1, logits.shape[-1]), tgt[:, 1:].reshape(-1))
                loss.backward()
                nn.utils.clip_grad_norm_(model.parameters(), 5.0)
                optimizer.step()
                schedule.step()
                running += loss.item()
            score = exact_match(model, held)
            print(f"epoch {epoch}: loss {running / len(train):.3f}, exact {score:.3f}")
            if score > best:
                best = score
                torch.save(model.state_dict(), checkpoint)
        model.load_state_dict(torch.load(checkpoint))
    src, _ = next(iter(held))
    for (text, iso), guess in zip(held.dataset.pairs[:4], model.translate(src[:4]), strict=False):
        print(f"{text:>22} -> {''.join(I2T.get(i, '?') for i in guess.tolist())}   ({iso})")
    print(f"final exact match: {exact_match(model, held):.4f}")


if __name__ == "__main__":
    main()
