"""The networks of a script, by the names that it gives them."""

from __future__ import annotations

from torch import nn

NETWORKS = 64  # that are known by name


class Ward(nn.Module):
    """Holds every network that was called as a whole."""

    def __init__(self) -> None:
        super().__init__()
        self.names: dict[nn.Module, str] = {}

    @property
    def full(self) -> bool:
        """Is there room for no more?"""
        return len(self.names) >= NETWORKS

    def knows_all_of(self, module: nn.Module) -> bool:
        """Does it have no parameters but those of known networks: is it parts of them, put together anew?"""
        known = {id(p) for p in self.parameters()}
        return all(id(p) in known for p in module.parameters())

    def take_in(self, module: nn.Module, name: str) -> None:
        """Under a name of its own."""
        name = name.replace(".", "_") or "model"
        free = name if name not in self._modules else f"{name}_{len(self._modules)}"
        self.names[module] = free
        self._modules[free] = module
