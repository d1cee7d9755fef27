"""Deep Q-learning for a small warehouse robot: fetch the parcel, avoid the shelves, reach the gate."""

import copy
import random
from collections import deque, namedtuple

import torch
import torch.nn as nn
import torch.optim as optim

Transition = namedtuple("Transition", ("state", "action", "reward", "next_state", "done"))

PLAN = [
    "......",
    ".##.#.",
    "....#.",
    ".#....",
    ".#.##.",
    "......",
]
MOVES = [(-1, 0), (1, 0), (0, -1), (0, 1)]


class Warehouse:
    size = 6
    limit = 40
    gates = ((0, 0), (0, 5), (5, 5))

    def __init__(self, rng):
        self.rng = rng
        self.free = [(r, c) for r in range(self.size) for c in range(self.size) if PLAN[r][c] == "."]

    def reset(self):
        self.gate = self.rng.choice(self.gates)
        self.robot = self.rng.choice([p for p in self.free if p != self.gate])
        self.time = 0
        return self.observe()

    def observe(self):
        x = torch.zeros(2, self.size, self.size)
        x[0, self.robot[0], self.robot[1]] = 1
        x[1, self.gate[0], self.gate[1]] = 1
        return x.flatten()

    def step(self, action):
        self.time += 1
        r, c = self.robot[0] + MOVES[action][0], self.robot[1] + MOVES[action][1]
        reward = -0.02
        if 0 <= r < self.size and 0 <= c < self.size and PLAN[r][c] == ".":
            self.robot = (r, c)
        else:
            reward = -0.1
        done = self.robot == self.gate
        if done:
            reward = 1.0
        return self.observe(), reward, done, done or self.time >= self.limit


class ReplayMemory:
    def __init__(self, capacity, rng):
        self.memory = deque(maxlen=capacity)
        self.rng = rng

    def push(self, *args):
        self.memory.append(Transition(*args))

    def sample(self, batch_size):
        batch = Transition(*zip(*self.rng.sample(self.memory, batch_size), strict=True))
        return (
            torch.stack(batch.state),
            torch.tensor(batch.action).unsqueeze(1),
            torch.tensor(batch.reward),
            torch.stack(batch.next_state),
            torch.tensor(batch.done, dtype=torch.float32),
        )

    def __len__(self):
        return len(self.memory)


class QNetwork(nn.Module):
    def __init__(self, observations, actions, width=64):
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(observations, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU()
        )
        self.advantage = nn.Linear(width, actions)
        self.value = nn.Linear(width, 1)

    def forward(self, x):
        h = self.body(x)
        a = self.advantage(h)
        return self.value(h) + a - a.mean(dim=-1, keepdim=True)


class Agent:
    def __init__(self, observations, actions, rng, gamma=0.93, lr=1e-3, tau=0.02):
        self.rng, self.gamma, self.tau, self.actions = rng, gamma, tau, actions
        self.policy = QNetwork(observations, actions)
        self.target = copy.deepcopy(self.policy).requires_grad_(False)
        self.optimizer = optim.Adam(self.policy.parameters(), lr=lr)
        self.memory = ReplayMemory(8000, rng)

    @torch.no_grad()
    def act(self, state, epsilon):
        if self.rng.random() < epsilon:
            return self.rng.randrange(self.actions)
        return int(self.policy(state).argmax())

    def learn(self, batch_size=64):
        if len(self.memory) < 500:
            return None
        state, action, reward, next_state, done = self.memory.sample(batch_size)
        q = self.policy(state).gather(1, action)
        with torch.no_grad():
            best = self.policy(next_state).argmax(dim=1, keepdim=True)
            q_next = self.target(next_state).gather(1, best).squeeze(1)
            expected = reward + self.gamma * (1 - done) * q_next
        td_error = expected - q
        loss = torch.where(td_error.abs() < 1, 0.5 * td_error**2, td_error.abs() - 0.5).mean()
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_value_(self.policy.parameters(), 10)
        self.optimizer.step()
        for p, t in zip(self.policy.parameters(), self.target.parameters(), strict=True):
            t.data.lerp_(p.data, self.tau)
        return loss.item()


def evaluate(agent, episodes=150):
    env = Warehouse(random.Random(777))
    total, arrived = 0.0, 0
    for _ in range(episodes):
        state, over = env.reset(), False
        while not over:
            state, reward, done, over = env.step(agent.act(state, epsilon=0.02))
            total += reward
        arrived += done
    return total / episodes, arrived / episodes


def main():
    rng = random.Random(21)
    torch.manual_seed(21)
    env = Warehouse(rng)
    agent = Agent(2 * env.size**2, len(MOVES), rng)
    frames, epsilon = 4500, 1.0
    state = env.reset()
    episode_return, returns, losses = 0.0, deque(maxlen=50), deque(maxlen=200)
    for frame in range(1, frames + 1):
        action = agent.act(state, epsilon)
        next_state, reward, done, over = env.step(action)
        agent.memory.push(state, action, reward, next_state, done)
        episode_return += reward
        state = next_state
        if over:
            returns.append(episode_return)
            episode_return, state = 0.0, env.reset()
        epsilon = max(0.1, 1.0 - frame / (0.6 * frames))
        loss = agent.learn()
        if loss is not None:
            losses.append(loss)
        if frame % 900 == 0:
            mean = sum(returns) / max(1, len(returns))
            print(
                f"frame {frame}: return {mean:+.3f}, td loss {sum(losses) / len(losses):.4f}, eps {epsilon:.2f}"
            )
    score, arrived = evaluate(agent)
    print(f"greedy policy: return {score:.4f}, arrives {arrived:.4f}")


if __name__ == "__main__":
    main()
