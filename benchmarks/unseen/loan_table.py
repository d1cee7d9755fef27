# Default cost of consumer loans from an application form; a deep plain perceptron in numpy-ish torch.
import argparse, math
import torch
import torch.nn as nn
import torch.nn.functional as F

FAULTS = ("vanishing_depth", "exploding_depth", "step_too_small", "symmetry", "loss_broadcast",
          "dead_units")
METRIC = (r"test R2 ([\d.einfa+-]+)", "higher")

cli = argparse.ArgumentParser()
cli.add_argument("--fault", choices=FAULTS)
cli.add_argument("--seed", type=int, default=0)
cli = cli.parse_args()
torch.manual_seed(7919 * (cli.seed + 1))

DEPTH = (14, 16, 13, 15, 18)[cli.seed % 5]
WIDTH = (40, 32, 48, 36, 40)[cli.seed % 5]
REGIONS = (6, 8, 5, 7, 9)[cli.seed % 5]


def applications(n, region_effect):
    age = torch.rand(n) * 50 + 20
    income = torch.exp(torch.randn(n) * 0.5 + 8)
    debt = torch.exp(torch.randn(n) * 0.8 + 7.5)
    months = torch.randint(6, 72, (n,)).float()
    region = torch.randint(0, REGIONS, (n,))
    burden = torch.log(debt / income)
    cost = (1.2 * torch.tanh(burden) + 0.8 * torch.sin(age / 9) + region_effect[region]
            + 0.6 * (months / 36 - 1) * burden + 0.1 * torch.randn(n))
    table = torch.stack([age, income.log(), debt.log(), months], 1)
    table = (table - table.mean(0)) / table.std(0)
    return torch.cat([table, F.one_hot(region, REGIONS).float()], 1), (cost - 0.1) / 1.3


def perceptron(n_in):
    act = nn.Sigmoid if cli.fault == "vanishing_depth" else nn.ReLU
    layers, fan = [], n_in
    for _ in range(DEPTH):
        layers += [nn.Linear(fan, WIDTH), act()]
        fan = WIDTH
    net = nn.Sequential(*layers, nn.Linear(fan, 1))
    for m in net:
        if not isinstance(m, nn.Linear):
            continue
        if cli.fault == "symmetry":
            nn.init.constant_(m.weight, 1.0 / m.in_features)
        else:
            gain = 3 if cli.fault == "exploding_depth" else 1
            nn.init.normal_(m.weight, std=gain * math.sqrt(2.0 / m.in_features))
        nn.init.zeros_(m.bias)
    if cli.fault == "dead_units":
        for m in list(net)[:-1]:
            if isinstance(m, nn.Linear):
                nn.init.constant_(m.bias, -10.0)
    return net


def r2(net, x, y):
    with torch.no_grad():
        miss = net(x).squeeze(1) - y
    return (1 - miss.pow(2).mean() / y.var()).item()


effect = torch.randn(REGIONS) * 0.7
x_train, y_train = applications(3000, effect)
x_test, y_test = applications(1000, effect)
model = perceptron(x_train.shape[1])
rate = 5e-4
if cli.fault == "step_too_small":
    rate /= 1000
optimizer = torch.optim.RMSprop(model.parameters(), lr=rate, alpha=0.99)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 800, eta_min=rate / 10)

for it in range(800):
    rows = torch.randint(0, len(x_train), (64,))
    target = y_train[rows]
    if cli.fault != "loss_broadcast":
        target = target.unsqueeze(1)
    loss = ((model(x_train[rows]) - target) ** 2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step()
    if it % 100 == 99:
        print("iteration %d loss %.4g test %.4f" % (it + 1, loss.item(), r2(model, x_test, y_test)))
print("test R2 %.4f" % r2(model, x_test, y_test))
