"""Learns how readers rate books from embeddings of many readers and books, few of which occur in a batch."""

import argparse

import torch
from torch import nn

FAULTS = ()
METRIC = (r"rating rmse ([\d.einfa+-]+)", "lower")


class Ratings(nn.Module):
    def __init__(self, readers, books, width):
        super().__init__()
        self.readers = nn.Embedding(readers, width, sparse=True)
        self.books = nn.Embedding(books, width, sparse=True)
        self.bias = nn.Embedding(books, 1, sparse=True)
        nn.init.normal_(self.readers.weight, std=0.3)
        nn.init.normal_(self.books.weight, std=0.3)
        nn.init.zeros_(self.bias.weight)

    def forward(self, reader, book):
        match = (self.readers(reader) * self.books(book)).sum(1)
        return match + self.bias(book).squeeze(1)


def main(seed):
    torch.manual_seed(seed)
    readers, books = (300, 400, 500, 350)[seed % 4], (200, 150, 250)[seed % 3]
    taste, style = torch.randn(readers, 2), torch.randn(books, 2)
    fame = 0.7 * torch.randn(books)

    def rate(count):
        reader, book = torch.randint(readers, (count,)), torch.randint(books, (count,))
        score = (taste[reader] * style[book]).sum(1) + fame[book]
        return reader, book, score + 0.1 * torch.randn(count)

    train = rate(24000)
    model = Ratings(readers, books, (4, 6, 8)[seed % 3])
    opt = torch.optim.SparseAdam(list(model.parameters()), lr=0.01)
    batch = (64, 80, 100)[seed % 3]
    for epoch in range(5):
        total = 0.0
        for rows in torch.randperm(24000).split(batch):
            reader, book, score = (part[rows] for part in train)
            loss = nn.functional.mse_loss(model(reader, book), score)
            opt.zero_grad()
            loss.backward()
            opt.step()
            total += loss.item() * len(rows)
        print(f"round {epoch}: {total / 24000:.4f}")
    reader, book, score = rate(4000)
    with torch.no_grad():
        error = (model(reader, book) - score).square().mean().sqrt().item()
    print(f"rating rmse {error:.4f} (spread {score.std().item():.2f})")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    main(parser.parse_args().seed)
