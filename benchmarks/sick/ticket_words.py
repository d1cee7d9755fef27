"""Routes support tickets of few to many words to one of five desks: embedding, GRU, and how mixed the words are."""

import argparse
import random

import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence

FAULTS = ("reads_padding", "nan_gradient_op", "no_signal", "axes_swapped", "double_softmax")
METRIC = (r"test: loss ([\d.einfa+-]+)", "lower")

DESKS = {
    "billing": "invoice refund charge card euro paid twice",
    "network": "router cable wifi slow signal drop ping",
    "account": "password login locked mail name reset user",
    "parcel": "box late courier door street track lost",
    "repair": "screen broken crack button battery dead hot",
}
SMALL_TALK = "hello please i the my is was not again since can you help thanks with a to it and very"
TALK = SMALL_TALK.split()
WORDS = ["<pad>", *TALK, *(w for words in DESKS.values() for w in words.split())]
NUMBER = {word: i for i, word in enumerate(WORDS)}


def ticket(desk, longest, rng):
    """Words of the desk among talk; a fifth of the topic words belong to some other desk."""
    count = 1 + int((longest - 1) * rng.random() ** 2)
    words = []
    for i in range(count):
        if i == 0 or rng.random() < 0.3:
            pool = desk if rng.random() < 0.8 else rng.choice(list(DESKS))
            words.append(rng.choice(DESKS[pool].split()))
        else:
            words.append(rng.choice(TALK))
    return torch.tensor([NUMBER[w] for w in words])


class Tickets(torch.utils.data.Dataset):
    def __init__(self, count, longest, rng):
        names = list(DESKS)
        self.desks = [rng.randrange(len(names)) for _ in range(count)]
        self.texts = [ticket(names[desk], longest, rng) for desk in self.desks]

    def __len__(self):
        return len(self.texts)

    def __getitem__(self, i):
        return self.texts[i], self.desks[i]


def collate(items):
    texts, desks = zip(*items, strict=True)
    lengths = torch.tensor([len(text) for text in texts])
    return pad_sequence(texts, batch_first=True), lengths, torch.tensor(desks)


class Router(nn.Module):
    def __init__(self, size, hidden, fault):
        super().__init__()
        self.fault = fault
        self.table = nn.Embedding(len(WORDS), size, padding_idx=0)
        self.reader = nn.GRU(size, hidden, batch_first=fault != "axes_swapped")
        self.desk = nn.Sequential(
            nn.Linear(hidden + 1, 32), nn.ReLU(), nn.Dropout(0.1), nn.Linear(32, len(DESKS))
        )

    def spread(self, vectors, lengths):
        """How far the words of each ticket lie apart, (tickets, 1)."""
        mask = (torch.arange(vectors.shape[1]) < lengths[:, None]).unsqueeze(2)
        mean = (vectors * mask).sum(1) / lengths[:, None]
        square = ((vectors - mean.unsqueeze(1)) ** 2 * mask).sum(1) / lengths[:, None]
        floor = 0.0 if self.fault == "nan_gradient_op" else 1e-5
        return (square + floor).sqrt().mean(1, keepdim=True)

    def forward(self, words, lengths):
        vectors = self.table(words)
        states, _ = self.reader(vectors)
        at = -1 if self.fault == "reads_padding" else lengths - 1
        last = states[torch.arange(len(words)), at]
        scores = self.desk(torch.cat((last, self.spread(vectors, lengths)), dim=1))
        return scores.softmax(1) if self.fault == "double_softmax" else scores


def epoch(model, loader, criterion, optimizer=None):
    model.train(optimizer is not None)
    total = hits = count = 0
    for words, lengths, desks in loader:
        with torch.set_grad_enabled(optimizer is not None):
            scores = model(words, lengths)
            loss = criterion(scores, desks)
        if optimizer is not None:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        total += loss.item() * len(desks)
        hits += (scores.argmax(1) == desks).sum().item()
        count += len(desks)
    return total / count, hits / count


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--fault", choices=FAULTS)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    rng = random.Random(args.seed + 40)
    k = args.seed % 5
    longest, size, hidden = (50, 40, 60, 45, 70)[k], (24, 32, 16, 24, 32)[k], (48, 32, 64, 96, 40)[k]
    train, test = Tickets(480, longest, rng), Tickets(400, longest, rng)
    if args.fault == "no_signal":
        rng.shuffle(train.desks)
    loader = torch.utils.data.DataLoader(
        train, batch_size=(32, 24, 32, 40, 32)[k], shuffle=True, collate_fn=collate
    )
    held = torch.utils.data.DataLoader(test, batch_size=50, collate_fn=collate)
    model = Router(size, hidden, args.fault)
    optimizer = torch.optim.Adam(model.parameters(), lr=(4e-3, 5e-3, 4e-3, 3e-3, 4e-3)[k])
    criterion = nn.CrossEntropyLoss()
    for number in range(1, 15):
        loss, share = epoch(model, loader, criterion, optimizer)
        print(f"epoch {number}: loss {loss:.3f}, right {share:.3f}")
    loss, share = epoch(model, held, criterion)
    print(f"test: loss {loss:.4f}, right {share:.4f}")


if __name__ == "__main__":
    main()
