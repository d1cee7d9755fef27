"""Tag the words of ingredient lines (quantity, unit, preparation, name, note) with a bidirectional LSTM."""

import argparse
import logging
import random

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence
from torch.utils.data import DataLoader, Dataset

log = logging.getLogger("recipes")

TAGS = ["QTY", "UNIT", "PREP", "NAME", "NOTE"]
IGNORE = -100
QTY = ["1", "2", "3", "4", "half", "quarter", "some", "two", "three"]
UNIT = ["cup", "cups", "tsp", "tbsp", "g", "kg", "ml", "pinch", "handful"]
ADVERB = ["finely", "roughly", "freshly", "thinly", "lightly"]
PREP = ["chopped", "sliced", "grated", "ground", "diced", "crushed", "toasted"]
NAME = ["onion", "garlic", "flour", "butter", "tomato", "carrot", "basil", "rice", "sugar", "pepper"]
COLOUR = ["orange", "olive", "lime", "coconut", "almond"]  # a food of its own, or the first half of a name
SECOND = ["oil", "milk", "juice", "zest"]
NOTE = [
    "for",
    "serving",
    "optional",
    "to",
    "taste",
    "at",
    "room",
    "temperature",
    "plus",
    "extra",
    "or",
    "more",
]
JUNK = ["note", "tip", "see", "page"]


def make_line(rng):
    words, tags = [], []

    def put(word, tag):
        words.append(word)
        tags.append(TAGS.index(tag))

    if rng.random() < 0.15:
        # whole line is a remark, known only from its last word
        for _ in range(rng.randint(2, 5)):
            put(rng.choice(NAME + UNIT + PREP), "NOTE")
        put(rng.choice(JUNK), "NOTE")
        return words, tags
    put(rng.choice(QTY), "QTY")
    if rng.random() < 0.7:
        put(rng.choice(UNIT), "UNIT")
    if rng.random() < 0.5:
        if rng.random() < 0.5:
            put(rng.choice(ADVERB), "PREP")
        put(rng.choice(PREP), "PREP")
    if rng.random() < 0.4:
        put(rng.choice(COLOUR), "NAME")
        if rng.random() < 0.6:
            put(rng.choice(SECOND), "NAME")
    else:
        put(rng.choice(NAME), "NAME")
    if rng.random() < 0.3:
        put(rng.choice(PREP), "PREP")
    for _ in range(rng.choice([0, 0, 2, 4, 7])):
        put(rng.choice(NOTE), "NOTE")
    return words, tags


class IngredientLines(Dataset):
    def __init__(self, n, vocab, rng):
        self.items = []
        for _ in range(n):
            words, tags = make_line(rng)
            self.items.append((torch.tensor([vocab[w] for w in words]), torch.tensor(tags)))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]

    @staticmethod
    def collate(batch):
        words, tags = zip(*batch)
        lengths = torch.tensor([len(w) for w in words])
        return (
            pad_sequence(words, batch_first=True),
            lengths,
            pad_sequence(tags, batch_first=True, padding_value=IGNORE),
        )


class Tagger(nn.Module):
    def __init__(self, n_words, emb, hidden):
        super().__init__()
        self.words = nn.Embedding(n_words, emb, sparse=True)
        self.rnn = nn.LSTM(emb, hidden, batch_first=True, bidirectional=True)
        self.score = nn.Linear(2 * hidden, len(TAGS))

    def forward(self, words, lengths):
        packed = pack_padded_sequence(self.words(words), lengths, batch_first=True, enforce_sorted=False)
        states, _ = pad_packed_sequence(self.rnn(packed)[0], batch_first=True)
        return self.score(states)

    def dense_parameters(self):
        return list(self.rnn.parameters()) + list(self.score.parameters())


def tag_loss(logits, tags):
    return F.cross_entropy(logits.flatten(0, 1), tags.flatten(), ignore_index=IGNORE)


@torch.no_grad()
def report(model, loader):
    model.eval()
    right = torch.zeros(len(TAGS))
    count = torch.zeros(len(TAGS))
    whole, lines = 0, 0
    for words, lengths, tags in loader:
        guess = model(words, lengths).argmax(-1)
        real = tags != IGNORE
        for k in range(len(TAGS)):
            here = real & (tags == k)
            right[k] += (guess[here] == k).sum()
            count[k] += here.sum()
        whole += ((guess == tags) | ~real).all(1).sum().item()
        lines += len(words)
    model.train()
    per_tag = dict(zip(TAGS, (right / count).round(decimals=3).tolist()))
    return (right.sum() / count.sum()).item(), whole / lines, per_tag


def main():
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("--lines", type=int, default=3000)
    ap.add_argument("--epochs", type=int, default=5)
    ap.add_argument("--micro-batch", type=int, default=8)
    ap.add_argument("--accumulate", type=int, default=4, help="micro batches per update")
    ap.add_argument("--clip", type=float, default=0.5)
    ap.add_argument("--seed", type=int, default=13)
    args = ap.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%M:%S")
    torch.manual_seed(args.seed)
    rng = random.Random(args.seed)

    all_words = sorted(set(QTY + UNIT + ADVERB + PREP + NAME + COLOUR + SECOND + NOTE + JUNK))
    vocab = {w: i + 1 for i, w in enumerate(all_words)}  # 0 is padding
    train_loader = DataLoader(
        IngredientLines(args.lines, vocab, rng),
        batch_size=args.micro_batch,
        shuffle=True,
        collate_fn=IngredientLines.collate,
    )
    test_loader = DataLoader(
        IngredientLines(500, vocab, rng), batch_size=100, collate_fn=IngredientLines.collate
    )

    model = Tagger(len(vocab) + 1, emb=24, hidden=32)
    dense = torch.optim.AdamW(model.dense_parameters(), lr=4e-3)
    sparse = torch.optim.SparseAdam(list(model.words.parameters()), lr=8e-3)
    updates = args.epochs * -(-len(train_loader) // args.accumulate)
    schedules = [
        torch.optim.lr_scheduler.LambdaLR(o, lambda u: min(u / 30, 1.0) * max(0.05, 1 - u / updates))
        for o in (dense, sparse)
    ]

    for epoch in range(args.epochs):
        total = 0.0
        dense.zero_grad()
        sparse.zero_grad()
        for i, (words, lengths, tags) in enumerate(train_loader, start=1):
            loss = tag_loss(model(words, lengths), tags)
            (loss / args.accumulate).backward()
            total += loss.item()
            if i % args.accumulate == 0 or i == len(train_loader):
                nn.utils.clip_grad_norm_(model.dense_parameters(), args.clip)
                for opt, sched in zip((dense, sparse), schedules):
                    opt.step()
                    sched.step()
                    opt.zero_grad()
        acc, whole, per_tag = report(model, test_loader)
        log.info(
            "epoch %d  loss %.4f  words %.3f  whole lines %.3f  %s",
            epoch,
            total / len(train_loader),
            acc,
            whole,
            per_tag,
        )


if __name__ == "__main__":
    main()
