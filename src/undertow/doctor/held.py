"""Who trains what: parameters that a loss reaches, and those that an optimizer holds."""

from __future__ import annotations

from functools import cached_property

from undertow.doctor.evidence import Evidence

MANY = 100  # steps, after which an optimizer is not waiting for its turn any more


class Held(Evidence):
    """Of one training."""

    @cached_property
    def reached(self) -> set[int]:
        """Parameters, by id, that some loss depends on."""
        return set().union(*(s.reached for s in self.studies)) if self.studies else set()

    @cached_property
    def unreached(self) -> list[str]:
        """Parameters that an optimizer steps and a module that ran holds, and that no loss depends on."""
        ran = {id(p) for m in self.seen.ran for p in m.parameters(recurse=False)}
        raw = set(self.seen.books.raw)
        seen_twice = self.seen.studied_ids
        return [
            name
            for name, p in self.parameters.items()
            if p.requires_grad
            and id(p) in seen_twice
            and id(p) not in self.reached
            and (p.grad is None or not bool(p.grad.any()))  # a part of the loss that joined later reaches it
            and (id(p) in ran or id(p) in raw)
        ]

    @cached_property
    def unheld(self) -> list[str]:
        """Parameters of a module that gradients come to, and that no optimizer holds, or one that takes no step."""
        held = set(self.seen.books.held) - self._idle
        if not held or len(self.studies) < 2:
            return []
        of_networks = {id(p) for p in self.network.parameters()}
        if of_networks and not of_networks & held:
            return []  # something else is trained than a network: what goes into it
        always = set.intersection(*(set(s.reached) for s in self.studies))
        return [n for n, p in self.parameters.items() if id(p) in always and id(p) not in held and p.is_leaf]

    @property
    def _idle(self) -> set[int]:
        """What optimizers hold that never took a step, while another one took many."""
        ledgers = [ledger for ledger in self.seen.books.all if ledger.optimizer is not None]
        idle = [ledger for ledger in ledgers if ledger.taken == 0]
        busy = [ledger for ledger in ledgers if ledger.taken >= MANY]
        own = {id(p) for ledger in idle for p in ledger.parameters} if busy else set()
        return own - {id(p) for ledger in busy for p in ledger.parameters}
