"""From a patient's diary (most days empty, now and then a dose of each of two drugs, up or down):
how much of drug A in all, and how much of drug B is still in the blood on the last day."""
import argparse

import torch
import torch.nn as nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader

FAULTS = ("reads_padding", "axes_swapped", "state_leaks", "forget_gate_shut", "no_signal",
          "gate_saturation")
METRIC = (r"mean R2 over unseen patients\s+([\d.einfa+-]+)", "higher")


def diaries(n, longest, g):
    patients = []
    for _ in range(n):
        days = int(torch.randint(longest // 4, longest + 1, (1,), generator=g))
        taken = (torch.rand(days, 2, generator=g) < 0.15).float()
        doses = taken * torch.randn(days, 2, generator=g)
        level = 0.0
        for d in doses[:, 1].tolist():
            level = 0.85 * level + d
        patients.append((doses, torch.tensor([0.6 * doses[:, 0].sum().item(), level])))
    return patients


def collate(batch):
    doses, wanted = zip(*batch)
    return pad_sequence(doses, batch_first=True), torch.tensor([len(d) for d in doses]), torch.stack(wanted)


class Ward(nn.Module):
    def __init__(self, width, forget=1.0, batch_first=True, last_column=False, carry=False, unit=1.0):
        super().__init__()
        self.lstm = nn.LSTM(2, width, batch_first=batch_first)
        with torch.no_grad():
            self.lstm.bias_ih_l0[width:2 * width] = forget
            self.lstm.bias_hh_l0[width:2 * width] = 0.0
        self.head = nn.Linear(width, 2)
        self.last_column, self.carry, self.unit = last_column, carry, unit
        self.state = None

    def forward(self, doses, lengths):
        out, state = self.lstm(self.unit * doses, self.state)
        if self.carry:
            self.state = tuple(s.detach() for s in state)
        if self.last_column:
            last = out[:, -1]
        else:
            last = out[torch.arange(len(out)), lengths - 1]
        return self.head(last)


def judge(net, loader):
    net.eval()
    outs, wants = [], []
    with torch.no_grad():
        for doses, lengths, wanted in loader:
            outs.append(net(doses, lengths))
            wants.append(wanted)
    net.train()
    out, want = torch.cat(outs), torch.cat(wants)
    return (1 - ((out - want) ** 2).mean(0) / want.var(0)).mean().item()


def build(fault, width):
    return Ward(
        width,
        forget=-3.0 if fault == "forget_gate_shut" else 1.0,
        batch_first=fault != "axes_swapped",
        last_column=fault == "reads_padding",
        carry=fault == "state_leaks",
        unit=50.0 if fault == "gate_saturation" else 1.0,       # micrograms for milligrams
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fault", choices=FAULTS, default=None)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    k = args.seed % 5
    torch.manual_seed(args.seed)
    g = torch.Generator().manual_seed(31 * args.seed + 4)
    longest, width, batch = (48, 44, 60, 40, 52)[k], (32, 40, 28, 48, 36)[k], (32, 24, 32, 40, 25)[k]
    train, test = diaries(2400, longest, g), diaries(600, longest, g)
    if args.fault == "no_signal":
        order = torch.randperm(len(train), generator=g).tolist()
        train = [(doses, train[j][1]) for (doses, _), j in zip(train, order)]
    loader = DataLoader(train, batch, shuffle=True, drop_last=True, collate_fn=collate)
    test_loader = DataLoader(test, batch, drop_last=True, collate_fn=collate)

    net = build(args.fault, width)
    opt = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    schedule = torch.optim.lr_scheduler.ExponentialLR(opt, 0.8)
    mse = nn.MSELoss()
    for epoch in range(6):
        losses = []
        for doses, lengths, wanted in loader:
            loss = mse(net(doses, lengths), wanted)
            opt.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 2.0)
            opt.step()
            losses.append(loss.item())
        schedule.step()
        print(f"epoch {epoch}: {sum(losses) / len(losses):.4f}   unseen {judge(net, test_loader):.3f}")
    print(f"mean R2 over unseen patients  {judge(net, test_loader):.4f}")


if __name__ == "__main__":
    main()
