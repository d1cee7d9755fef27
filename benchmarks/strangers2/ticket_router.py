"""Send support tickets to the right team: embedding + LSTM over the words of a ticket."""

import argparse
import random
from collections import Counter, defaultdict

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

PAD, UNK = "<pad>", "<unk>"
CUE_WORDS = """
billing: invoice refund charge card vat receipt payment overdue credit subscription
network: vpn wifi router latency packet dns proxy firewall cable bandwidth
accounts: password login locked token username reset permission profile sso account
hardware: laptop screen keyboard battery dock printer toner fan charger monitor
software: install crash update plugin driver license version freeze uninstall patch
"""
SMALL_TALK = """
hello team please can you help me with my the a since yesterday it still does not work again and i
tried everything but nothing thanks in advance kind regards today urgent when possible we our office
could someone look at this problem issue question about after before they told us
"""
TEAMS = {line.split(":")[0]: line.split(":")[1].split() for line in CUE_WORDS.strip().splitlines()}
FILLER = SMALL_TALK.split()


def write_ticket(rng, team):
    """A few words of the right team, now and then one of another team, lots of small talk."""
    length = min(64, max(5, int(rng.lognormvariate(2.4, 0.6))))
    words = [rng.choice(FILLER) for _ in range(length)]
    n_cues = 2 + (length > 12) + (length > 30)
    spots = rng.sample(range(length), n_cues + 1)
    for s in spots[:n_cues]:
        words[s] = rng.choice(TEAMS[team])
    if rng.random() < 0.4:
        words[spots[-1]] = rng.choice(TEAMS[rng.choice(list(TEAMS))])
    return words


class Vocab:
    def __init__(self, texts, min_count=2):
        counts = Counter(w for t in texts for w in t)
        self.words = [PAD, UNK] + sorted(w for w, c in counts.items() if c >= min_count)
        self.index = {w: i for i, w in enumerate(self.words)}

    def encode(self, text):
        return [self.index.get(w, 1) for w in text]

    def __len__(self):
        return len(self.words)


class TicketDataset(Dataset):
    def __init__(self, texts, labels, vocab):
        self.items = [(torch.tensor(vocab.encode(t)), y) for t, y in zip(texts, labels)]

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


class Collate:
    """Pads every ticket to max_len, cuts the ones that are longer."""

    def __init__(self, max_len):
        self.max_len = max_len

    def __call__(self, batch):
        tokens = torch.zeros(len(batch), self.max_len, dtype=torch.long)
        lengths = torch.zeros(len(batch), dtype=torch.long)
        for row, (ids, _) in enumerate(batch):
            ids = ids[: self.max_len]
            tokens[row, : len(ids)] = ids
            lengths[row] = len(ids)
        return tokens, lengths, torch.tensor([y for _, y in batch])


class TicketLSTM(nn.Module):
    def __init__(self, vocab_size, n_teams, emb=32, hidden=64, dropout=0.2):
        super().__init__()
        self.embed = nn.Embedding(vocab_size, emb, padding_idx=0)
        self.lstm = nn.LSTM(emb, hidden, batch_first=True)
        self.drop = nn.Dropout(dropout)
        self.head = nn.Linear(hidden, n_teams)

    def forward(self, tokens, lengths):
        out, _ = self.lstm(self.embed(tokens))
        summary = out[:, -1]
        return self.head(self.drop(summary))


def evaluate(model, loader):
    model.eval()
    hits, totals, loss_sum, n = defaultdict(int), defaultdict(int), 0.0, 0
    with torch.no_grad():
        for tokens, lengths, labels in loader:
            logits = model(tokens, lengths)
            loss_sum += F.cross_entropy(logits, labels, reduction="sum").item()
            n += len(labels)
            correct = logits.argmax(1) == labels
            for ok, length in zip(correct.tolist(), lengths.tolist()):
                bucket = "short" if length <= 10 else "medium" if length <= 25 else "long"
                hits[bucket] += ok
                totals[bucket] += 1
    by_length = {k: round(hits[k] / totals[k], 3) for k in ("short", "medium", "long") if totals[k]}
    return loss_sum / n, sum(hits.values()) / n, by_length


def parse_args():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--tickets", type=int, default=1600)
    p.add_argument("--epochs", type=int, default=5)
    p.add_argument("--batch-size", type=int, default=32)
    p.add_argument("--max-len", type=int, default=64)
    p.add_argument("--lr", type=float, default=3e-3)
    p.add_argument("--clip", type=float, default=1.0)
    p.add_argument("--seed", type=int, default=5)
    return p.parse_args()


def main():
    args = parse_args()
    rng = random.Random(args.seed)
    torch.manual_seed(args.seed)

    names = list(TEAMS)
    labels = [rng.randrange(len(names)) for _ in range(args.tickets)]
    texts = [write_ticket(rng, names[y]) for y in labels]
    cut = int(0.8 * len(texts))
    vocab = Vocab(texts[:cut])
    collate = Collate(args.max_len)
    train_loader = DataLoader(
        TicketDataset(texts[:cut], labels[:cut], vocab),
        batch_size=args.batch_size,
        shuffle=True,
        collate_fn=collate,
    )
    test_loader = DataLoader(
        TicketDataset(texts[cut:], labels[cut:], vocab), batch_size=128, collate_fn=collate
    )

    model = TicketLSTM(len(vocab), len(names))
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=3, gamma=0.5)
    print(
        f"{len(texts)} tickets, {len(vocab)} words, {sum(p.numel() for p in model.parameters())} parameters"
    )

    for epoch in range(1, args.epochs + 1):
        model.train()
        running = 0.0
        for tokens, lengths, y in train_loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(tokens, lengths), y)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), args.clip)
            optimizer.step()
            running += loss.item()
        scheduler.step()
        test_loss, acc, by_length = evaluate(model, test_loader)
        train_loss = running / len(train_loader)
        print(f"epoch {epoch}: train {train_loss:.3f}  test {test_loss:.3f}  acc {acc:.3f}  {by_length}")


if __name__ == "__main__":
    main()
