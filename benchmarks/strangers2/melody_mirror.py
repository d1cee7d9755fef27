"""Encoder-decoder that plays a motif backwards (retrograde) or upside down (inversion).

The first symbol of the source says what to do, the notes follow; the target is the transformed motif.
"""

import copy
import logging
from dataclasses import dataclass

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

logging.basicConfig(level=logging.INFO, format="%(message)s")
logger = logging.getLogger("melody")

N_NOTES = 8
RETRO, INVERT = N_NOTES, N_NOTES + 1
START = N_NOTES
SRC_VOCAB, TGT_VOCAB = N_NOTES + 2, N_NOTES + 1


@dataclass
class Hparams:
    motif_len: int = 6
    n_train: int = 6000
    n_test: int = 500
    emb: int = 24
    hidden: int = 96
    batch_size: int = 64
    epochs: int = 10
    lr: float = 4e-3
    clip: float = 1.0
    seed: int = 17


class MotifDataset(Dataset):
    """Random walks on a scale of eight notes, steps of at most two."""

    def __init__(self, n, length, generator):
        first = torch.randint(0, N_NOTES, (n, 1), generator=generator)
        steps = torch.randint(-2, 3, (n, length - 1), generator=generator)
        walk = torch.cat([first, steps], dim=1).cumsum(1)
        walk = (walk % (2 * N_NOTES - 2)).long()
        self.notes = torch.where(walk < N_NOTES, walk, 2 * N_NOTES - 2 - walk)
        self.kind = torch.randint(0, 2, (n,), generator=generator)

    def __len__(self):
        return len(self.notes)

    def __getitem__(self, i):
        notes = self.notes[i]
        if self.kind[i] == 0:
            command, target = RETRO, notes.flip(0)
        else:
            command, target = INVERT, N_NOTES - 1 - notes
        return torch.cat([torch.tensor([command]), notes]), target


class Encoder(nn.Module):
    def __init__(self, hp):
        super().__init__()
        self.embed = nn.Embedding(SRC_VOCAB, hp.emb)
        self.rnn = nn.GRU(hp.emb, hp.hidden, batch_first=True)

    def forward(self, src):
        _, h = self.rnn(self.embed(src))
        return h


class Decoder(nn.Module):
    def __init__(self, hp):
        super().__init__()
        self.embed = nn.Embedding(TGT_VOCAB, hp.emb)
        self.rnn = nn.GRU(hp.emb + hp.hidden, hp.hidden, batch_first=True)
        self.out = nn.Sequential(nn.Linear(hp.hidden, hp.hidden), nn.ReLU(), nn.Linear(hp.hidden, N_NOTES))

    def forward(self, tokens, state, context):
        x = self.embed(tokens)
        ctx = context.unsqueeze(1).expand(-1, x.size(1), -1)
        y, state = self.rnn(torch.cat([x, ctx], dim=-1), state)
        return self.out(y), state


class MotifTransformer(nn.Module):
    def __init__(self, hp):
        super().__init__()
        self.encoder = Encoder(hp)
        self.decoder = Decoder(hp)
        self.bridge = nn.Linear(hp.hidden, hp.hidden)

    def start_state(self, src):
        summary = self.encoder(src)
        context = summary.detach().clone()
        return torch.tanh(self.bridge(context)), context[-1]

    def forward(self, src, target):
        state, context = self.start_state(src)
        start = torch.full_like(target[:, :1], START)
        logits, _ = self.decoder(torch.cat([start, target[:, :-1]], dim=1), state, context)
        return logits

    @torch.no_grad()
    def play(self, src, length):
        state, context = self.start_state(src)
        token = torch.full((len(src), 1), START, dtype=torch.long)
        notes = []
        for _ in range(length):
            logits, state = self.decoder(token, state, context)
            token = logits.argmax(-1)
            notes.append(token)
        return torch.cat(notes, dim=1)


class EarlyStopping:
    def __init__(self, patience):
        self.patience, self.best, self.count, self.weights = patience, -1.0, 0, None

    def __call__(self, score, model):
        if score > self.best + 1e-4:
            self.best, self.count, self.weights = score, 0, copy.deepcopy(model.state_dict())
        else:
            self.count += 1
        return self.count >= self.patience


def score(model, loader, length):
    model.eval()
    note_hits = motif_hits = n = 0
    for src, target in loader:
        played = model.play(src, length)
        same = played == target
        note_hits += same.float().mean(1).sum().item()
        motif_hits += same.all(1).sum().item()
        n += len(src)
    return note_hits / n, motif_hits / n


def main():
    hp = Hparams()
    torch.manual_seed(hp.seed)
    gen = torch.Generator().manual_seed(hp.seed)
    train_loader = DataLoader(
        MotifDataset(hp.n_train, hp.motif_len, gen), batch_size=hp.batch_size, shuffle=True
    )
    test_loader = DataLoader(MotifDataset(hp.n_test, hp.motif_len, gen), batch_size=250)

    model = MotifTransformer(hp)
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=hp.lr)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=hp.lr, epochs=hp.epochs, steps_per_epoch=len(train_loader)
    )
    stopper = EarlyStopping(patience=4)

    for epoch in range(hp.epochs):
        model.train()
        total = 0.0
        for src, target in train_loader:
            logits = model(src, target)
            loss = criterion(logits.reshape(-1, N_NOTES), target.reshape(-1))
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), hp.clip)
            optimizer.step()
            scheduler.step()
            total += loss.item()
        notes, motifs = score(model, test_loader, hp.motif_len)
        logger.info(
            "epoch %2d | loss %.4f | notes right %.3f | motifs right %.3f",
            epoch,
            total / len(train_loader),
            notes,
            motifs,
        )
        if stopper(notes, model):
            logger.info("no progress, stopping")
            break
    model.load_state_dict(stopper.weights)
    src, target = next(iter(test_loader))
    for s, t, p in zip(src[:3], target[:3], model.play(src[:3], hp.motif_len)):
        name = "retrograde" if s[0] == RETRO else "inversion"
        logger.info("%s of %s -> %s (wanted %s)", name, s[1:].tolist(), p.tolist(), t.tolist())


if __name__ == "__main__":
    main()
