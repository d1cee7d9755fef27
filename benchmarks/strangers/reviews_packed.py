"""Positive or negative? An LSTM reads short made-up reviews of very different lengths."""

import collections
import os
import random
import tempfile

import torch
import torch.nn as nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence
from torch.utils.data import DataLoader, Dataset

GOOD = ["lovely", "great", "superb", "charming", "brilliant", "fresh", "warm", "moving"]
BAD = ["awful", "dull", "boring", "weak", "terrible", "stale", "cold", "clumsy"]
NEUTRAL = ["the", "a", "film", "plot", "actor", "scene", "was", "and", "then", "with", "it", "this", "script"]
NEUTRAL += [
    "music",
    "camera",
    "ending",
    "we",
    "they",
    "felt",
    "seemed",
    "quite",
    "rather",
    "to",
    "of",
    "in",
    "story",
]
NEGATION = ["not", "never", "hardly"]


def write_review(rng):
    label = rng.random() < 0.5
    n = rng.randint(1, 6)
    words = []
    for _ in range(n):
        for _ in range(rng.randint(1, 5)):
            words.append(rng.choice(NEUTRAL))
        agree = rng.random() < 0.9
        positive = label if agree else not label
        if rng.random() < 0.3:
            words.append(rng.choice(NEGATION))
            words.append(rng.choice(BAD if positive else GOOD))
        else:
            words.append(rng.choice(GOOD if positive else BAD))
    words.extend(rng.choice(NEUTRAL) for _ in range(rng.randint(0, 4)))
    return words, float(label)


class Vocabulary:
    def __init__(self, texts, min_count=2):
        counts = collections.Counter(w for words in texts for w in words)
        self.words = ["<pad>", "<unk>", *sorted(w for w, c in counts.items() if c >= min_count)]
        self.index = {w: i for i, w in enumerate(self.words)}

    def __len__(self):
        return len(self.words)

    def encode(self, words):
        return torch.tensor([self.index.get(w, 1) for w in words])


class Reviews(Dataset):
    def __init__(self, reviews, vocab):
        self.items = [(vocab.encode(words), label) for words, label in reviews]

    def __len__(self):
        return len(self.items)

    def __getitem__(self, idx):
        return self.items[idx]


def collate_reviews(batch):
    ids = [x for x, _ in batch]
    lengths = torch.tensor([len(x) for x in ids])
    labels = torch.tensor([y for _, y in batch])
    return pad_sequence(ids, batch_first=True), lengths, labels


class SentimentLSTM(nn.Module):
    def __init__(self, vocab_size, emb_dim=32, hidden_dim=48, dropout=0.2):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, emb_dim, padding_idx=0)
        self.lstm = nn.LSTM(emb_dim, hidden_dim, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(hidden_dim, 1)

    def forward(self, text, lengths):
        embedded = self.dropout(self.embedding(text))
        packed = pack_padded_sequence(embedded, lengths, batch_first=True, enforce_sorted=False)
        packed_out, _ = self.lstm(packed)
        output, _ = pad_packed_sequence(packed_out, batch_first=True)
        last = output[:, -1, :]
        return self.fc(self.dropout(last)).squeeze(1)


def binary_accuracy(logits, y):
    return ((logits > 0).float() == y).float().mean()


def train(model, iterator, optimizer, criterion):
    model.train()
    epoch_loss, epoch_acc = 0, 0
    for text, lengths, labels in iterator:
        optimizer.zero_grad()
        predictions = model(text, lengths)
        loss = criterion(predictions, labels)
        loss.backward()
        optimizer.step()
        epoch_loss += loss.item()
        epoch_acc += binary_accuracy(predictions, labels).item()
    return epoch_loss / len(iterator), epoch_acc / len(iterator)


def evaluate(model, iterator, criterion):
    model.eval()
    epoch_loss, right, n = 0, 0, 0
    with torch.no_grad():
        for text, lengths, labels in iterator:
            predictions = model(text, lengths)
            epoch_loss += criterion(predictions, labels).item()
            right += ((predictions > 0).float() == labels).sum().item()
            n += len(labels)
    return epoch_loss / len(iterator), right / n


if __name__ == "__main__":
    SEED = 1234
    random.seed(SEED)
    torch.manual_seed(SEED)
    reviews = [write_review(random) for _ in range(3600)]
    train_reviews, valid_reviews, test_reviews = reviews[:2600], reviews[2600:3000], reviews[3000:]
    vocab = Vocabulary(words for words, _ in train_reviews)
    train_iter = DataLoader(
        Reviews(train_reviews, vocab), batch_size=64, shuffle=True, collate_fn=collate_reviews
    )
    valid_iter = DataLoader(Reviews(valid_reviews, vocab), batch_size=64, collate_fn=collate_reviews)
    test_iter = DataLoader(Reviews(test_reviews, vocab), batch_size=64, collate_fn=collate_reviews)

    model = SentimentLSTM(len(vocab))
    print(f"The model has {sum(p.numel() for p in model.parameters() if p.requires_grad):,} parameters")
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=5, gamma=0.5)
    criterion = nn.BCEWithLogitsLoss()

    best_valid_loss = float("inf")
    with tempfile.TemporaryDirectory() as tmp:
        path = os.path.join(tmp, "sentiment-model.pt")  # noqa: PTH118
        for epoch in range(8):
            train_loss, train_acc = train(model, train_iter, optimizer, criterion)
            valid_loss, valid_acc = evaluate(model, valid_iter, criterion)
            scheduler.step()
            if valid_loss < best_valid_loss:
                best_valid_loss = valid_loss
                torch.save(model.state_dict(), path)
            print(f"Epoch: {epoch + 1:02}")
            print(f"\tTrain Loss: {train_loss:.3f} | Train Acc: {train_acc * 100:.2f}%")
            print(f"\t Val. Loss: {valid_loss:.3f} |  Val. Acc: {valid_acc * 100:.2f}%")
        model.load_state_dict(torch.load(path))
    test_loss, test_acc = evaluate(model, test_iter, criterion)
    print(f"Test Loss: {test_loss:.3f} | test accuracy: {test_acc:.4f}")
