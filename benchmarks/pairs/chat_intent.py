"""What does a customer want? An embedding, a GRU and a head read a short message, word by word."""

import argparse

import torch
from torch import nn

FAULTS = ("axes_swapped", "not_in_optimizer")
ORDER = True  # a reader that reads across the messages is not worth training: the order of axes first
METRIC = (r"intents recognised: ([\d.einfa+-]+)", "higher")

TOPICS, FILLERS, WORDS_A_TOPIC = 5, 60, 4
FIRST = FILLERS
NOT = FILLERS + TOPICS * WORDS_A_TOPIC
VOCABULARY = NOT + 1


def messages(count, length, rng):
    """Small talk with one topic word in it; "not" somewhere before it turns the wish into a complaint."""
    words = torch.randint(FILLERS, (count, length), generator=rng)
    topic = torch.randint(TOPICS, (count,), generator=rng)
    variant = torch.randint(WORDS_A_TOPIC, (count,), generator=rng)
    place = torch.randint(length // 3, length - 3, (count,), generator=rng)
    words[torch.arange(count), place] = FIRST + topic * WORDS_A_TOPIC + variant
    negated = torch.rand(count, generator=rng) < 0.5
    before = place - 1 - torch.randint(3, (count,), generator=rng)
    words[negated.nonzero().squeeze(1), before[negated]] = NOT
    return words, topic * 2 + negated.long()


class Intent(nn.Module):
    def __init__(self, hidden, mended):
        super().__init__()
        self.words = nn.Embedding(VOCABULARY, 24)
        self.reader = nn.GRU(24, hidden, batch_first="axes_swapped" in mended)
        self.wish = nn.Linear(hidden, 2 * TOPICS)

    def forward(self, words):
        states, _ = self.reader(self.words(words))
        return self.wish(states[:, -1])


def recognised(model, words, intent, batch):
    """Asked in batches of the size of training."""
    model.eval()
    with torch.no_grad():
        guess = torch.cat([model(part).argmax(1) for part in words.split(batch)])
    model.train()
    return (guess == intent).float().mean().item()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--mend", action="append", choices=FAULTS, default=[])
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    rng = torch.Generator().manual_seed(args.seed + 2100)
    hidden = (48, 40, 56, 64, 48)[args.seed % 5]
    length = (18, 20, 16, 18, 22)[args.seed % 5]
    batch = (32, 40, 48, 32, 40)[args.seed % 5]

    model = Intent(hidden, args.mend)
    groups = [
        {"params": model.words.parameters(), "lr": 1e-2},
        {"params": model.wish.parameters()},
    ]
    if "not_in_optimizer" in args.mend:
        groups.append({"params": model.reader.parameters()})
    optimizer = torch.optim.Adam(groups, lr=6e-3)
    criterion = nn.CrossEntropyLoss()
    words, intent = messages(4800, length, rng)
    for epoch in range(4):
        total = 0.0
        order = torch.randperm(len(words)).split(batch)
        for rows in order:
            optimizer.zero_grad()
            loss = criterion(model(words[rows]), intent[rows])
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 2.0)
            optimizer.step()
            total += loss.item()
        print(f"epoch {epoch}: loss {total / len(order):.4f}")
    print(f"intents recognised: {recognised(model, *messages(800, length, rng), batch):.3f}")


if __name__ == "__main__":
    main()
