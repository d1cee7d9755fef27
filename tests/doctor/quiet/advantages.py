"""An actor and a critic: what the critic says is detached again and again."""

import torch
from torch import nn

torch.manual_seed(0)


class ActorCritic(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.policy, self.value = nn.Linear(3, 32), nn.Linear(32, 2), nn.Linear(32, 1)

    def forward(self, x):
        h = torch.relu(self.body(x))
        return torch.distributions.Categorical(logits=self.policy(h)), self.value(h)[:, 0]


net = ActorCritic()
optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
for _ in range(250):
    seen = []
    for _ in range(8):
        state = torch.randn(8, 3)
        choice, value = net(state)
        action = choice.sample()
        seen.append((choice.log_prob(action), value, (action == (state[:, 0] > 0).long()).float()))
    future, loss = torch.zeros(8), torch.zeros(())
    for chosen, value, reward in reversed(seen):
        future = reward + 0.5 * future
        loss = loss + (-chosen * (future - value.detach()) + 0.5 * (future - value) ** 2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
