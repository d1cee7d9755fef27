"""Translate numbers in words into digits: "four hundred seven" -> 4 0 7. An encoder, a decoder, a context between."""

import random

import torch
from torch import nn

ONES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
TEENS = [
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
TENS = ["-", "-", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
WORDS = ["<pad>", *ONES, *TEENS, *TENS[2:], "hundred", "thousand"]
INDEX = {word: number for number, word in enumerate(WORDS)}
PAD, BEGIN, END = 0, 11, 12  # of digits: d is written d + 1


def spelled(number):
    if number >= 1000:
        return [*spelled(number // 1000), "thousand", *(spelled(number % 1000) if number % 1000 else [])]
    if number >= 100:
        return [ONES[number // 100], "hundred", *(spelled(number % 100) if number % 100 else [])]
    if number >= 20:
        return [TENS[number // 10], *([ONES[number % 10]] if number % 10 else [])]
    return [(ONES + TEENS)[number]]


def padded(rows):
    longest = max(map(len, rows))
    return torch.tensor([row + [PAD] * (longest - len(row)) for row in rows])


def batch(numbers):
    source = padded([[INDEX[word] for word in spelled(n)] for n in numbers])
    digits = [[int(d) + 1 for d in str(n)] for n in numbers]
    return source, padded([[BEGIN, *d] for d in digits]), padded([[*d, END] for d in digits])


class Translator(nn.Module):
    def __init__(self, hidden=96):
        super().__init__()
        self.words, self.digits = nn.Embedding(len(WORDS), 32), nn.Embedding(13, 32)
        self.encoder = nn.GRU(32, hidden, batch_first=True)
        self.decoder = nn.GRU(32, hidden, batch_first=True)
        self.read = nn.Linear(hidden, 13)

    def forward(self, source, told):
        _, context = self.encoder(self.words(source))
        y, _ = self.decoder(self.digits(told), context)
        return self.read(y)


def drawn(draw):
    return draw.randrange(10 ** draw.randint(1, 6))


def main():
    torch.manual_seed(0)
    draw = random.Random(0)
    model = Translator()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for step in range(700):
        source, told, wanted = batch([drawn(draw) for _ in range(64)])
        scores = model(source, told)
        loss = nn.functional.cross_entropy(scores.transpose(1, 2), wanted, ignore_index=PAD)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % 100 == 0:
            print(f"step {step}: loss {loss.item():.3f}")
    model.eval()
    numbers = [drawn(draw) for _ in range(400)]
    with torch.no_grad():
        together = right(model, *batch(numbers))
        alone = torch.cat([right(model, *batch([n])) for n in numbers])
    print(f"right in one batch: {together.float().mean():.3f}, one at a time: {alone.float().mean():.3f}")


def right(model, source, told, wanted):
    guess = model(source, told).argmax(2)
    return ((guess == wanted) | (wanted == PAD)).all(1)


main()
