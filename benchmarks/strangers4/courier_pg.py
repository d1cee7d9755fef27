"""Policy gradient for a little courier on a grid with walls and gusts of wind.

Many couriers run at once as tensors.  Each fetches a parcel and brings it to
its address; then a new order comes in.  Score: parcels delivered per shift.
"""
import argparse

import torch
from torch import nn
from torch.distributions import Categorical

MAP = [
    ".......",
    ".##.##.",
    ".#...#.",
    ".......",
    ".#...#.",
    ".##.##.",
    ".......",
]
MOVES = torch.tensor([[-1, 0], [1, 0], [0, -1], [0, 1]])


class CourierWorld:
    """A batch of independent couriers; state is (position, parcel, address, carrying)."""

    def __init__(self, n, wind, generator):
        self.n, self.wind, self.g = n, wind, generator
        self.wall = torch.tensor([[c == "#" for c in row] for row in MAP])
        self.size = len(MAP)
        self.free = (~self.wall).nonzero()
        self.n_obs = 3 * 2 * self.size + 1

    def _cells(self, n):
        return self.free[torch.randint(len(self.free), (n,), generator=self.g)]

    def reset(self):
        self.pos, self.parcel, self.address = (self._cells(self.n) for _ in range(3))
        self.carrying = torch.zeros(self.n, dtype=torch.bool)
        return self.observe()

    def _one_hot(self, cell):
        eye = torch.eye(self.size)
        return torch.cat([eye[cell[:, 0]], eye[cell[:, 1]]], dim=1)

    def observe(self):
        goal = torch.where(self.carrying[:, None], self.address, self.parcel)
        return torch.cat([self._one_hot(self.pos), self._one_hot(goal), self._one_hot(self.address),
                          self.carrying[:, None].float()], dim=1)

    def step(self, action):
        gust = torch.rand(self.n, generator=self.g) < self.wind
        other = torch.randint(4, (self.n,), generator=self.g)
        action = torch.where(gust, other, action)
        new = (self.pos + MOVES[action]).clamp(0, self.size - 1)
        blocked = self.wall[new[:, 0], new[:, 1]]
        self.pos = torch.where(blocked[:, None], self.pos, new)

        fetched = ~self.carrying & (self.pos == self.parcel).all(1)
        delivered = self.carrying & (self.pos == self.address).all(1)
        self.carrying = (self.carrying | fetched) & ~delivered
        self.parcel = torch.where(delivered[:, None], self._cells(self.n), self.parcel)
        self.address = torch.where(delivered[:, None], self._cells(self.n), self.address)
        reward = 0.5 * fetched.float() + 1.0 * delivered.float() - 0.01
        return self.observe(), reward, delivered


def mlp(n_in, n_hidden, n_out, out_gain):
    net = nn.Sequential(nn.Linear(n_in, n_hidden), nn.Tanh(), nn.Linear(n_hidden, n_hidden), nn.Tanh(),
                        nn.Linear(n_hidden, n_out))
    for k, layer in enumerate(m for m in net if isinstance(m, nn.Linear)):
        nn.init.orthogonal_(layer.weight, gain=out_gain if k == 2 else 2 ** 0.5)
        nn.init.zeros_(layer.bias)
    return net


def discounted(rewards, last_value, gamma):
    out, running = torch.empty_like(rewards), last_value
    for t in reversed(range(len(rewards))):
        running = rewards[t] + gamma * running
        out[t] = running
    return out


def collect(world, obs, actor, critic, horizon, gamma):
    observations, actions, rewards = [], [], []
    parcels = 0
    with torch.no_grad():
        for _ in range(horizon):
            action = Categorical(logits=actor(obs)).sample()
            observations.append(obs)
            actions.append(action)
            obs, reward, delivered = world.step(action)
            rewards.append(reward)
            parcels += delivered.sum().item()
        returns = discounted(torch.stack(rewards), critic(obs).squeeze(-1), gamma)
    return obs, torch.cat(observations), torch.cat(actions), returns.flatten(), parcels / world.n


@torch.no_grad()
def shift_score(actor, wind, seed, n=200, steps=60):
    world = CourierWorld(n, wind, torch.Generator().manual_seed(seed))
    obs, total = world.reset(), 0
    for _ in range(steps):
        obs, _, delivered = world.step(actor(obs).argmax(1))
        total += delivered.sum().item()
    return total / n


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--rounds", type=int, default=400)
    p.add_argument("--couriers", type=int, default=64)
    p.add_argument("--horizon", type=int, default=16)
    p.add_argument("--gamma", type=float, default=0.93)
    p.add_argument("--entropy", type=float, default=0.02)
    p.add_argument("--wind", type=float, default=0.1)
    p.add_argument("--seed", type=int, default=4)
    args = p.parse_args()

    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    world = CourierWorld(args.couriers, args.wind, torch.Generator().manual_seed(args.seed))
    actor, critic = mlp(world.n_obs, 64, 4, 0.01), mlp(world.n_obs, 64, 1, 1.0)
    actor_opt = torch.optim.Adam(actor.parameters(), lr=4e-3, eps=1e-5)
    critic_opt = torch.optim.Adam(critic.parameters(), lr=5e-3)
    actor_lr = torch.optim.lr_scheduler.LinearLR(actor_opt, 1.0, 0.1, total_iters=args.rounds)

    obs, pg_sum, value_sum = world.reset(), 0.0, 0.0
    for r in range(1, args.rounds + 1):
        obs, seen, action, returns, _ = collect(world, obs, actor, critic, args.horizon, args.gamma)
        value = critic(seen).squeeze(-1)
        value_loss = nn.functional.mse_loss(value, returns)
        critic_opt.zero_grad()
        value_loss.backward()
        critic_opt.step()

        advantage = returns - value.detach()
        advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
        policy = Categorical(logits=actor(seen))
        beta = args.entropy * (1 - r / args.rounds)
        loss = -(policy.log_prob(action) * advantage).mean() - beta * policy.entropy().mean()
        actor_opt.zero_grad()
        loss.backward()
        actor_opt.step()
        actor_lr.step()

        pg_sum += loss.item()
        value_sum += value_loss.item()
        if r % 40 == 0:
            print(f"round {r:4d}  policy loss {pg_sum / 40:+.4f}  value loss {value_sum / 40:.4f}  "
                  f"parcels per shift {shift_score(actor, args.wind, 999):.2f}")
            pg_sum = value_sum = 0.0


if __name__ == "__main__":
    main()
