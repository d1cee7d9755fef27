"""Parcel lockers: which doors are open?

The station writes a log of events (door k opened, door k shut, courier badge,
motion, power blips).  After the log a clerk asks about one door and the model
has to answer open / shut.
"""
from dataclasses import dataclass, field
from typing import List

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.set_num_threads(1)


@dataclass
class Plan:
    doors: int = 4
    chatter: int = 4
    length: int = 28
    train_logs: int = 5000
    test_logs: int = 1000
    batch: int = 100
    width: int = 48
    epochs: int = 8
    lr: float = 4e-3
    seed: int = 8
    decay_at: List[int] = field(default_factory=lambda: [6])


class StationLogs(Dataset):
    """Tokens: open_k, shut_k, chatter_j, ask_k.  The last token is a question."""

    def __init__(self, plan, count, generator):
        d = plan.doors
        self.vocabulary = 3 * d + plan.chatter
        door = torch.randint(d, (count, plan.length), generator=generator)
        opens = torch.rand(count, plan.length, generator=generator) < 0.5
        noise = torch.rand(count, plan.length, generator=generator) < 0.72
        junk = 2 * d + torch.randint(plan.chatter, (count, plan.length), generator=generator)
        events = torch.where(noise, junk, door + d * (~opens).long())
        asked = torch.randint(d, (count, 1), generator=generator)
        state = torch.zeros(count, d)
        rows = torch.arange(count)
        for t in range(plan.length):
            now = state[rows, door[:, t]]
            state[rows, door[:, t]] = torch.where(noise[:, t], now, opens[:, t].float())
        self.tokens = torch.cat([events, asked + 2 * d + plan.chatter], dim=1)
        self.answers = state.gather(1, asked).squeeze(1)

    def __len__(self):
        return len(self.answers)

    def __getitem__(self, i):
        return self.tokens[i], self.answers[i]


class Memory(nn.Module):
    """One cell walked along the log by hand, with a learned first state."""

    def __init__(self, size_in, width):
        super().__init__()
        self.cell = nn.GRUCell(size_in, width)
        self.first = nn.Parameter(torch.zeros(width))

    def begin(self, batch):
        return self.first.expand(batch, -1)

    @staticmethod
    def carry(state):
        return state.detach()

    def forward(self, inputs, state=None):
        state = self.begin(inputs.size(0)) if state is None else self.carry(state)
        return self.walk(inputs, state)

    def walk(self, inputs, state):
        for x in inputs.unbind(dim=1):
            state = self.cell(x, self.carry(state))
        return state


class DoorKeeper(nn.Module):
    def __init__(self, vocabulary, width):
        super().__init__()
        self.embed = nn.Embedding(vocabulary, 24)
        self.memory = Memory(24, width)
        self.answer = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 1))

    def forward(self, tokens):
        return self.answer(self.memory(self.embed(tokens))).squeeze(-1)


class Session:
    def __init__(self, plan):
        self.plan = plan
        g = torch.Generator().manual_seed(plan.seed)
        torch.manual_seed(plan.seed)
        train, test = StationLogs(plan, plan.train_logs, g), StationLogs(plan, plan.test_logs, g)
        self.train_loader = DataLoader(train, plan.batch, shuffle=True)
        self.test_loader = DataLoader(test, 500)
        self.model = DoorKeeper(train.vocabulary, plan.width)
        self.loss_fn = nn.BCEWithLogitsLoss()
        self.opt = torch.optim.Adam(self.model.parameters(), lr=plan.lr)
        self.sched = torch.optim.lr_scheduler.MultiStepLR(self.opt, plan.decay_at, gamma=0.3)

    def epoch(self):
        self.model.train()
        total = 0.0
        for tokens, answers in self.train_loader:
            loss = self.loss_fn(self.model(tokens), answers)
            self.opt.zero_grad()
            loss.backward()
            self.opt.step()
            total += loss.item()
        self.sched.step()
        return total / len(self.train_loader)

    @torch.no_grad()
    def accuracy(self):
        self.model.eval()
        hits = [((self.model(tokens) > 0).float() == answers).float() for tokens, answers in self.test_loader]
        return torch.cat(hits).mean().item()

    def run(self):
        for e in range(self.plan.epochs):
            loss = self.epoch()
            print(f"epoch {e + 1:2d} loss {loss:.4f} held-out accuracy {self.accuracy():.3f}")


if __name__ == "__main__":
    Session(Plan()).run()
