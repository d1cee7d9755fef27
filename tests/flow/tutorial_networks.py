"""Five networks as PyTorch's own tutorials and examples teach them, written anew from their description.

    NamesClassifier    "NLP from scratch: classifying names with a character-level RNN": one step a call, a loop outside
    Translator         "NLP from scratch: translation with a sequence to sequence network and attention"
    Tagger             "Sequence models and LSTM networks": part-of-speech tags
    WordModel          the example "word_language_model": embedding, LSTM, dropout, decoder, state carried along
    SineWaves          the example "time_sequence_prediction": two LSTMCells in a loop, in float64

Each `train_*` is one optimizer step of the training loop that goes with it.
"""

import torch
from torch import nn
from torch.nn import functional as F


class NamesClassifier(nn.Module):
    def __init__(self, letters=20, hidden=16, classes=5):
        super().__init__()
        self.hidden = hidden
        self.i2h = nn.Linear(letters, hidden)
        self.h2h = nn.Linear(hidden, hidden)
        self.h2o = nn.Linear(hidden, classes)
        self.softmax = nn.LogSoftmax(dim=1)

    def forward(self, letter, hidden):
        hidden = torch.tanh(self.i2h(letter) + self.h2h(hidden))
        return self.softmax(self.h2o(hidden)), hidden


def train_names(model, rate=0.005):
    """Weights are changed by hand, as the tutorial does."""
    name = F.one_hot(torch.randint(20, (9, 1)), 20).float()
    hidden = torch.zeros(1, model.hidden)
    model.zero_grad()
    for letter in name:
        output, hidden = model(letter, hidden)
    F.nll_loss(output, torch.tensor([2])).backward()
    for p in model.parameters():
        p.data.add_(p.grad.data, alpha=-rate)


class Translator(nn.Module):
    def __init__(self, words=30, hidden=16):
        super().__init__()
        self.embedding = nn.Embedding(words, hidden)
        self.encoder = nn.GRU(hidden, hidden, batch_first=True)
        self.out_embedding = nn.Embedding(words, hidden)
        self.query, self.key, self.energy = (
            nn.Linear(hidden, hidden),
            nn.Linear(hidden, hidden),
            nn.Linear(hidden, 1),
        )
        self.decoder = nn.GRUCell(2 * hidden, hidden)
        self.out = nn.Linear(hidden, words)
        self.dropout = nn.Dropout(0.1)

    def forward(self, source, target):
        read, hidden = self.encoder(self.dropout(self.embedding(source)))
        hidden, told, scores = hidden[0], torch.zeros_like(target[:, 0]), []
        for step in range(target.shape[1]):
            weights = self.energy(torch.tanh(self.query(hidden)[:, None] + self.key(read))).softmax(1)
            context = (weights * read).sum(1)
            hidden = self.decoder(torch.cat([self.dropout(self.out_embedding(told)), context], 1), hidden)
            scores.append(self.out(hidden))
            told = target[:, step]
        return torch.stack(scores, 1)


def train_translator(model, optimizer):
    source, target = torch.randint(30, (4, 8)), torch.randint(30, (4, 7))
    optimizer.zero_grad()
    F.cross_entropy(model(source, target).flatten(0, 1), target.flatten()).backward()
    optimizer.step()


class Tagger(nn.Module):
    def __init__(self, words=12, tags=3):
        super().__init__()
        self.word_embeddings = nn.Embedding(words, 6)
        self.lstm = nn.LSTM(6, 6)
        self.hidden2tag = nn.Linear(6, tags)

    def forward(self, sentence):
        embeds = self.word_embeddings(sentence)
        out, _ = self.lstm(embeds.view(len(sentence), 1, -1))
        return F.log_softmax(self.hidden2tag(out.view(len(sentence), -1)), dim=1)


def train_tagger(model, optimizer):
    sentence, tags = torch.randint(12, (5,)), torch.randint(3, (5,))
    model.zero_grad()
    F.nll_loss(model(sentence), tags).backward()
    optimizer.step()


class WordModel(nn.Module):
    def __init__(self, words=40, size=12, hidden=16):
        super().__init__()
        self.drop = nn.Dropout(0.2)
        self.encoder = nn.Embedding(words, size)
        self.rnn = nn.LSTM(size, hidden, 2, dropout=0.2)
        self.decoder = nn.Linear(hidden, words)

    def forward(self, input, hidden):
        output, hidden = self.rnn(self.drop(self.encoder(input)), hidden)
        return F.log_softmax(self.decoder(self.drop(output)).view(-1, 40), dim=1), hidden


def train_words(model, optimizer, carried):
    """`carried` holds the state of the window before."""
    data = torch.randint(40, (11, 3))
    hidden = carried.get("hidden", (torch.zeros(2, 3, 16), torch.zeros(2, 3, 16)))
    optimizer.zero_grad()
    output, hidden = model(data[:-1], tuple(h.detach() for h in hidden))
    F.nll_loss(output, data[1:].flatten()).backward()
    nn.utils.clip_grad_norm_(model.parameters(), 0.25)
    optimizer.step()
    carried["hidden"] = hidden


class SineWaves(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm1, self.lstm2 = nn.LSTMCell(1, 13), nn.LSTMCell(13, 13)
        self.linear = nn.Linear(13, 1)

    def forward(self, input):
        outputs = []
        zero = [torch.zeros(len(input), 13, dtype=torch.double) for _ in range(4)]
        h1, c1, h2, c2 = zero
        for value in input.split(1, dim=1):
            h1, c1 = self.lstm1(value, (h1, c1))
            h2, c2 = self.lstm2(h1, (h2, c2))
            outputs.append(self.linear(h2))
        return torch.cat(outputs, dim=1)


def train_waves(model, optimizer):
    """LBFGS, whose step calls the loss several times."""
    waves = torch.sin(torch.arange(21, dtype=torch.double) / 3 + torch.rand(4, 1, dtype=torch.double) * 9)

    def closure():
        optimizer.zero_grad()
        loss = F.mse_loss(model(waves[:, :-1]), waves[:, 1:])
        loss.backward()
        return loss

    optimizer.step(closure)
