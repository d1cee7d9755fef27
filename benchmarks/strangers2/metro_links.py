"""Complete a metro knowledge graph: (station, relation, ?) with rotation embeddings.

The city has a few loop lines; relations are things like "two stops clockwise" or "change to the next line".
Part of the links is hidden and has to be found again.
"""

import argparse
import math
import time

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

HOPS = [1, 2, 3, 5, 7, -1, -2, -4, -6]


def build_graph(lines, stops):
    """All triples (head, relation, tail); the last relation changes line at the same stop."""
    triples = []
    for line in range(lines):
        for stop in range(stops):
            head = line * stops + stop
            for r, hop in enumerate(HOPS):
                triples.append((head, r, line * stops + (stop + hop) % stops))
            triples.append((head, len(HOPS), ((line + 1) % lines) * stops + stop))
    return np.array(triples, dtype=np.int64)


class TripleDataset(Dataset):
    """Positive triples together with uniformly corrupted tails."""

    def __init__(self, triples, n_entities, n_negatives, seed):
        self.triples = torch.from_numpy(triples)
        self.n_entities = n_entities
        self.n_negatives = n_negatives
        self.generator = torch.Generator().manual_seed(seed)

    def __len__(self):
        return len(self.triples)

    def __getitem__(self, i):
        h, r, t = self.triples[i]
        shift = torch.randint(1, self.n_entities, (self.n_negatives,), generator=self.generator)
        return h, r, torch.cat([t.view(1), (t + shift) % self.n_entities])


class EdgeScorer(nn.Module):
    """Distance between two complex vectors -> logit, with a learnt weight per dimension."""

    def __init__(self, dim, margin):
        super().__init__()
        self.raw_weight = nn.Parameter(torch.zeros(dim))
        self.margin = nn.Parameter(torch.tensor(float(margin)))

    def forward(self, re, im):
        dist = torch.sqrt(re**2 + im**2 + 1e-6)
        return self.margin - (dist * F.softplus(self.raw_weight + 0.54)).sum(-1)


class RotationKG(nn.Module):
    def __init__(self, n_entities, n_relations, dim, margin):
        super().__init__()
        self.dim = dim
        self.ent_emb = nn.Embedding(n_entities, 2 * dim, sparse=True)
        self.rel_emb = nn.Embedding(n_relations, dim)
        self.scorer = EdgeScorer(dim, margin)
        nn.init.normal_(self.ent_emb.weight, std=0.5)
        nn.init.uniform_(self.rel_emb.weight, -math.pi, math.pi)

    def forward(self, head, relation, tails):
        """head (B,), relation (B,), tails (B, K) -> logits (B, K)"""
        h_re, h_im = self.ent_emb(head).unsqueeze(1).chunk(2, dim=-1)
        t_re, t_im = self.ent_emb(tails).chunk(2, dim=-1)
        phase = self.rel_emb(relation).unsqueeze(1)
        cos, sin = torch.cos(phase), torch.sin(phase)
        return self.scorer(h_re * cos - h_im * sin - t_re, h_re * sin + h_im * cos - t_im)


class TwoOptimizers:
    """Sparse tables need their own optimizer, everything else goes to a plain Adam."""

    def __init__(self, model, lr_sparse, lr_dense):
        dense = [p for name, p in model.named_parameters() if "emb" not in name]
        self.sparse = torch.optim.SparseAdam(list(model.ent_emb.parameters()), lr=lr_sparse)
        self.dense = torch.optim.Adam(dense, lr=lr_dense)
        self.schedulers = [torch.optim.lr_scheduler.ExponentialLR(o, 0.95) for o in (self.sparse, self.dense)]

    def zero_grad(self):
        self.sparse.zero_grad()
        self.dense.zero_grad()

    def step(self):
        self.sparse.step()
        self.dense.step()

    def decay(self):
        for s in self.schedulers:
            s.step()


@torch.no_grad()
def ranking(model, triples, n_entities):
    """Mean reciprocal rank and hits@1 of the true tail among all stations."""
    model.eval()
    h, r, t = torch.from_numpy(triples).unbind(1)
    everyone = torch.arange(n_entities).expand(len(h), -1)
    logits = model(h, r, everyone)
    rank = 1 + (logits > logits.gather(1, t.unsqueeze(1))).sum(1)
    return (1.0 / rank.float()).mean().item(), (rank == 1).float().mean().item()


def train(args):
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    triples = build_graph(args.lines, args.stops)
    n_entities = args.lines * args.stops
    rng.shuffle(triples)
    cut = int(0.85 * len(triples))
    loader = DataLoader(
        TripleDataset(triples[:cut], n_entities, args.negatives, args.seed),
        batch_size=args.batch_size,
        shuffle=True,
    )
    model = RotationKG(n_entities, len(HOPS) + 1, args.dim, args.margin)
    optim = TwoOptimizers(model, args.lr, args.lr_dense)
    print(f"{n_entities} stations, {len(triples)} links, {cut} known")

    start = time.time()
    for epoch in range(1, args.epochs + 1):
        model.train()
        losses = []
        for h, r, tails in loader:
            logits = model(h, r, tails)
            pos, neg = logits[:, 0], logits[:, 1:]
            with torch.no_grad():
                hardness = F.softmax(neg, dim=1)
            loss = -F.logsigmoid(pos).mean() - (hardness * F.logsigmoid(-neg)).sum(1).mean()
            optim.zero_grad()
            loss.backward()
            optim.step()
            losses.append(loss.item())
        optim.decay()
        if epoch % 5 == 0 or epoch == 1:
            mrr, hits = ranking(model, triples[cut:], n_entities)
            print(
                f"epoch {epoch:3d}  loss {np.mean(losses):.4f}  hidden links: MRR {mrr:.3f}  hits@1 {hits:.3f}  "
                f"[{time.time() - start:.1f}s]"
            )
    return model


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("--lines", type=int, default=3)
    ap.add_argument("--stops", type=int, default=24)
    ap.add_argument("--dim", type=int, default=24)
    ap.add_argument("--margin", type=float, default=6.0)
    ap.add_argument("--negatives", type=int, default=24)
    ap.add_argument("--batch-size", type=int, default=32)
    ap.add_argument("--epochs", type=int, default=40)
    ap.add_argument("--lr", type=float, default=0.03)
    ap.add_argument("--lr-dense", type=float, default=0.01)
    ap.add_argument("--seed", type=int, default=21)
    train(ap.parse_args())
