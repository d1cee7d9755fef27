"""Character language model over a server's log, trained with truncated backpropagation through time.

The log is one long stream. It is cut into as many parallel streams as the batch has rows; the state is
carried from window to window, as usual for language models.
"""

import json
import logging
import math
import random
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import nn

logger = logging.getLogger("charlm")
QUEUES = "abcd"
STEPS = ["read", "scan", "pack", "send", "wait", "sync"]


@dataclass
class Settings:
    embed: int = 24
    hidden: int = 64
    streams: int = 16
    bptt: int = 4
    epochs: int = 6
    lr: float = 1e-2
    clip: float = 1.0
    lines: int = 3600
    seed: int = 5


def make_log(lines: int, rng: random.Random) -> str:
    """Each line: the queue, two steps, and the queue again when it is done."""
    text = []
    for _ in range(lines):
        queue = rng.choice(QUEUES)
        steps = f"{rng.choice(STEPS)} {rng.choice(STEPS)}"
        text.append(f"<{queue}> {steps} #{queue}\n")
    return "".join(text)


class Corpus:
    def __init__(self, settings: Settings):
        rng = random.Random(settings.seed)
        train, valid = make_log(settings.lines, rng), make_log(settings.lines // 8, rng)
        self.letters = sorted(set(train))
        self.index = {c: i for i, c in enumerate(self.letters)}
        self.train = self.streams(train, settings.streams)
        self.valid = self.streams(valid, settings.streams)

    def streams(self, text: str, n: int) -> torch.Tensor:
        ids = torch.tensor([self.index[c] for c in text])
        length = len(ids) // n
        return ids[: n * length].view(n, length).t().contiguous()  # (time, streams)


class CharLM(nn.Module):
    def __init__(self, letters: int, settings: Settings):
        super().__init__()
        self.embed = nn.Embedding(letters, settings.embed)
        self.lstm = nn.LSTM(settings.embed, settings.hidden)
        self.decode = nn.Linear(settings.hidden, letters)
        self.reset_parameters()

    def reset_parameters(self):
        nn.init.uniform_(self.embed.weight, -0.1, 0.1)
        h = self.lstm.hidden_size
        with torch.no_grad():
            self.lstm.bias_hh_l0[h : 2 * h] = 1.0

    def forward(self, ids, state=None):
        out, state = self.lstm(self.embed(ids), state)
        return self.decode(out), state


def repackage(state):
    """Wrap the hidden states anew, cut from their history."""
    if isinstance(state, torch.Tensor):
        return state.detach()
    return tuple(repackage(s) for s in state)


class ScalarLog:
    """A little like tensorboard's writer: one JSON object a line."""

    def __init__(self, path: Path):
        self.file = path.open("w")

    def add(self, tag: str, value: float, step: int):
        self.file.write(json.dumps({"tag": tag, "value": value, "step": step}) + "\n")

    def close(self):
        self.file.close()


@torch.no_grad()
def evaluate(model, ids, corpus, settings):
    """Bits a character, and how often the letter after '#' is right."""
    model.eval()
    logits, _ = model(ids[:-1])
    target = ids[1:]
    bits = nn.functional.cross_entropy(logits.flatten(0, 1), target.flatten()).item() / math.log(2)
    asked = ids[:-1] == corpus.index["#"]
    asked[:60] = False  # the line that a stream begins in may lack its head
    hits = (logits.argmax(-1) == target)[asked].float().mean().item()
    model.train()
    return bits, hits


def train(model, corpus, settings, writer):
    optimizer = torch.optim.Adam(model.parameters(), lr=settings.lr)
    per_epoch = math.ceil((len(corpus.train) - 1) / settings.bptt)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, settings.lr, total_steps=per_epoch * settings.epochs, pct_start=0.1
    )
    step = 0
    for epoch in range(settings.epochs):
        state = None
        for begin in range(0, len(corpus.train) - 1, settings.bptt):
            end = min(begin + settings.bptt, len(corpus.train) - 1)
            x, y = corpus.train[begin:end], corpus.train[begin + 1 : end + 1]
            if state is not None:
                state = repackage(state)
            logits, state = model(x, state)
            loss = nn.functional.cross_entropy(logits.flatten(0, 1), y.flatten())
            optimizer.zero_grad()
            loss.backward()
            norm = nn.utils.clip_grad_norm_(model.parameters(), settings.clip)
            optimizer.step()
            schedule.step()
            writer.add("loss", loss.item(), step)
            writer.add("norm", norm.item(), step)
            step += 1
        bits, hits = evaluate(model, corpus.valid, corpus, settings)
        logger.info("epoch %d: valid %.3f bits a letter, queue right %.3f", epoch + 1, bits, hits)
    return bits, hits


def main():
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    settings = Settings()
    logger.info("%s", asdict(settings))
    torch.manual_seed(settings.seed)
    corpus = Corpus(settings)
    model = CharLM(len(corpus.letters), settings)
    with tempfile.TemporaryDirectory() as folder:
        writer = ScalarLog(Path(folder) / "scalars.jsonl")
        bits, hits = train(model, corpus, settings, writer)
        writer.close()
        torch.save({"settings": asdict(settings), "model": model.state_dict()}, Path(folder) / "last.pt")
    print(f"valid bits {bits:.4f}, queue accuracy {hits:.4f}")


if __name__ == "__main__":
    main()
