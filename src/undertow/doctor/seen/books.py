"""The books of all optimizers of a script, and of weights that it steps by hand; what they hold, and what clips it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim.optimizer import Optimizer

from undertow.doctor.seen.graph import Graph, count_now
from undertow.doctor.seen.ledger import Ledger
from undertow.doctor.seen.lines import Line, calling
from undertow.doctor.seen.naming import name_of, networks_with
from undertow.doctor.seen.now import Now
from undertow.doctor.seen.patches import Patches
from undertow.doctor.seen.step import Clip, Step
from undertow.doctor.seen.study import Study
from undertow.doctor.seen.ward import Ward
from undertow.flow.parameters import ByHand

TWICE = 2  # steps that were looked at closely, before a parameter is said not to be trained


class Books:
    """One ledger an optimizer, in the order in which they were made.

    Args:
        now: where the run stands.
        ward: the networks by name.
        take_in: is told of a network that an optimizer holds and nobody has called yet.
    """

    def __init__(self, now: Now, ward: Ward, take_in: Callable[[Any, str], None]) -> None:
        self._now, self._ward, self._take_in = now, ward, take_in
        self.held: dict[int, Tensor] = {}  # by id: parameters that an optimizer holds
        self.raw: dict[int, tuple[str, Tensor]] = {}  # parameters of no module
        self.since = 0  # autograd's count at the last step
        self._of: dict[int, Ledger] = {}
        self._last_of: dict[int, int] = {}  # the same, by ledger
        self._by_hand: Ledger | None = None
        self._moved = ByHand({})  # did weights that are stepped by hand change?
        self._clipping = 0  # one of torch's ways to clip calls another

    def put_on(self, patches: Patches) -> None:
        """Begin."""
        patches.hear(Optimizer, "__init__", self._made)
        for name in ("clip_grad_norm_", "clip_grad_value_"):
            patches.hear(torch.nn.utils, name, self._clips(name))
            patches.hear(torch.nn.utils.clip_grad, name, self._clips(name))

    @property
    def all(self) -> list[Ledger]:
        """Of optimizers; where there are none, of weights that are stepped by hand."""
        return list(self._of.values()) or ([self._by_hand] if self._by_hand is not None else [])

    @property
    def optimizers(self) -> list[Optimizer]:
        """In the order in which they were made."""
        return [ledger.optimizer for ledger in self._of.values() if ledger.optimizer is not None]

    def parameters(self) -> dict[str, Tensor]:
        """All that is known to be trained, or could be, by name."""
        found: dict[str, Tensor] = dict(self._ward.named_parameters())
        found.update(dict(self.raw.values()))
        return found

    def names(self) -> dict[int, str]:
        """Of every parameter, by id."""
        found = {id(p): name for name, p in self._ward.named_parameters()}
        return {**{key: name for key, (name, _) in self.raw.items()}, **found}

    def name_raw(self, parameters: Sequence[Tensor]) -> None:
        """Those of no known network get a name of their own."""
        own = {id(p) for p in self._ward.parameters()}
        for number, parameter in enumerate(parameters):
            if id(parameter) not in own and id(parameter) not in self.raw:
                self.raw[id(parameter)] = name_of(parameter, f"parameter {number}"), parameter

    def studied_ids(self, studies: Sequence[Study]) -> set[int]:
        """Parameters, by id, whose optimizer took at least two steps that were looked at closely."""
        studied = {s.step for s in studies}
        own = [s.optimizer for s in self._now.steps if s.number in studied]
        return {id(p) for led in self.all if own.count(led.place) >= TWICE for p in led.parameters}

    def since_of(self, graph: Graph) -> int:
        """Autograd's count at the last step of the optimizers whose parameters are reached; of several players the
        one whose step is longest ago may still want what was made before another's."""
        reached = {id(v) for v in graph.leaves}
        own = [led for led in self._of.values() if any(id(p) in reached for p in led.parameters)]
        return min((self._last_of.get(led.place, 0) for led in own), default=self.since)

    # ---- backward passes

    def backward_begins(self, root: Tensor) -> Step | None:
        """Where no optimizer is known, what was before this backward pass was a step, which is given back."""
        if self._of:
            return None
        if self._by_hand is None:
            leaves = Graph(root).leaves
            self._by_hand = Ledger(0, leaves)
            self._moved = ByHand({str(n): p for n, p in enumerate(leaves)})
            self._moved.stepped()
            self._hold(leaves)
        elif self._moved.stepped() and self._by_hand.open is not None:
            return self.ended(self._by_hand)
        return None

    def backward_ended(self) -> None:
        """Gradients have come."""
        self._clipping = 0  # a call that raised has not ended
        for ledger in self.all:
            ledger.backward_ended()
        if self._by_hand is not None:  # weights are still those of the forward pass
            self._by_hand.step_begins()
            self.since = count_now()

    # ---- steps

    def step_begins(self, optimizer: Optimizer) -> None:
        """Of an optimizer, to which a group may have been added."""
        ledger = self.of(optimizer)
        own = {id(p) for p in ledger.parameters}
        later = [p for group in optimizer.param_groups for p in group["params"] if id(p) not in own]
        if later:
            ledger.parameters += later
            self._hold(later)
        ledger.step_begins()

    def ended(self, ledger: Ledger) -> Step:
        """A step was taken."""
        step = ledger.step_ended(self._now.number, calling() if ledger.taken < 2 else Line())
        if ledger.optimizer is not None:
            self.since = self._last_of[ledger.place] = count_now()
        return step

    def of(self, optimizer: Optimizer) -> Ledger:
        """Its own; a new one where it was not known."""
        if id(optimizer) not in self._of:
            parameters = [p for group in optimizer.param_groups for p in group["params"]]
            self._of[id(optimizer)] = Ledger(len(self._of), parameters, optimizer)
            for name, module in networks_with({id(p) for p in parameters}).items():
                if module not in self._ward.names:
                    self._take_in(module, name)
            self._hold(parameters)
        return self._of[id(optimizer)]

    def _hold(self, parameters: list[Tensor]) -> None:
        """An optimizer, or the script by hand, steps these."""
        self.name_raw(parameters)
        self.held.update({id(p): p for p in parameters})

    def _made(self, arguments: tuple[Any, ...], named: dict[str, Any]) -> Callable[[Any], None] | None:
        def after(_: Any) -> None:
            self.of(arguments[0])

        return None if self._now.ours else after

    # ---- clipping

    def _clips(self, name: str) -> Callable[..., Callable[[Any], None] | None]:
        kind = "norm" if "norm" in name else "value"

        def heard(arguments: tuple[Any, ...], named: dict[str, Any]) -> Callable[[Any], None] | None:
            if self._now.ours or self._clipping:
                return None
            limit = named.get(
                "max_norm", named.get("clip_value", arguments[1] if len(arguments) > 1 else 0.0)
            )
            line = calling()
            self._clipping += 1

            def after(result: Any) -> None:
                self._clipping -= 1
                norm = result.detach() if isinstance(result, Tensor) else None
                for ledger in self._clipped_ones(arguments):
                    ledger.clipped(Clip(kind, float(limit), norm, line, not ledger.current().losses))

            return after

        return heard

    def _clipped_ones(self, arguments: tuple[Any, ...]) -> list[Ledger]:
        given = arguments[0] if arguments else ()
        if not isinstance(given, Tensor | list | tuple):
            return list(self._of.values())  # a generator: it may be read once only
        own = {id(p) for p in ([given] if isinstance(given, Tensor) else given)}
        return [led for led in self._of.values() if any(id(p) in own for p in led.parameters)]
