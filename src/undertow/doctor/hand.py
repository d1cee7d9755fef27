"""The doctor's hand: the places of a running script at which a remedy may change something.

    at the start      once the parameters that an optimizer holds are known, before the first step
    at the loss       before a backward pass: another loss, or none
    before a step     gradients are there, weights are as they were
    after a step
    at a call         of a whole network, or of the layer that the fault is in: its arguments
    in place of       a function or method of torch

Where a script steps its weights itself there is no optimizer to listen to: the end of a backward pass is then what
comes before a step, and the end of the first one is the start. Everything is put back when it is over. What is drawn
at random is drawn apart, so that the script's own choices stay the same.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.optimizer import (
    Optimizer,
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)

from undertow.doctor.seen.bedside import Bedside
from undertow.doctor.seen.graph import Graph
from undertow.doctor.seen.lines import Line
from undertow.doctor.seen.patches import Patches
from undertow.doctor.verdict import Verdict

Arguments = tuple[tuple[Any, ...], dict[str, Any]]
Change = Callable[[nn.Module, Arguments], Arguments | None]  # of what a module is called with


@dataclass
class Stepped:
    """What takes a step: an optimizer, or the script itself."""

    parameters: list[Tensor]
    optimizer: Optimizer | None


@dataclass
class Hand:
    """Lays a remedy on one run; `seen` listens to the same run."""

    seen: Bedside
    fault: Verdict  # which the remedy is for: its place and evidence say where to lay it on
    changed: int = 0  # how often something was changed: 0 where there was nothing to lay it on
    _starts: list[Callable[[dict[str, Tensor]], None]] = field(default_factory=list)
    _losses: list[Callable[[Tensor], Tensor | None]] = field(default_factory=list)
    _ends: list[Callable[[list[Tensor]], None]] = field(default_factory=list)
    _before: list[Callable[[Stepped], None]] = field(default_factory=list)
    _after: list[Callable[[Stepped], None]] = field(default_factory=list)
    _calls: list[Change] = field(default_factory=list)
    _layers: list[Change] = field(default_factory=list)
    _handles: list[Any] = field(default_factory=list)
    _met: set[int] = field(default_factory=set)
    _begun: bool = False
    _patches: Patches = field(default_factory=Patches)

    @property
    def line(self) -> Line:
        """Of the script: where the fault is; nothing where that is not known."""
        where = self.fault.where
        return Line(where.file, where.line) if where.file else Line()

    # ---- what remedies ask for

    def at_start(self, change: Callable[[dict[str, Tensor]], None]) -> None:
        """Change weights, by name, before the first step."""
        self._starts.append(change)

    def at_loss(self, change: Callable[[Tensor], Tensor | None]) -> None:
        """Another loss in the place of this one; None: no backward pass at all."""
        self._losses.append(change)

    def after_backward(self, change: Callable[[list[Tensor]], None]) -> None:
        """See gradients as they come."""
        self._ends.append(change)

    def before_step(self, change: Callable[[Stepped], None]) -> None:
        """Change gradients."""
        self._before.append(change)

    def after_step(self, change: Callable[[Stepped], None]) -> None:
        """Change weights or gradients."""
        self._after.append(change)

    def at_call(self, change: Change) -> None:
        """Other arguments for a whole network; None: its own."""
        self._calls.append(change)

    def at_layer(self, change: Change) -> None:
        """Other arguments for the layer that the fault is in, where it is one within a network; None: its own."""
        self._layers.append(change)

    def instead(
        self, owner: Any, name: str, make: Callable[[Callable[..., Any]], Callable[..., Any]]
    ) -> None:
        """Another function in the place of one of torch's; `make` is handed the old one."""
        self._patches.replace(owner, name, make)

    def did(self, times: int = 1) -> None:
        """Something was changed."""
        self.changed += times

    @contextmanager
    def apart(self) -> Iterator[None]:
        """Random numbers drawn meanwhile do not change the script's own."""
        devices = list(range(torch.cuda.device_count()))
        with self.seen.aside(), torch.random.fork_rng(devices=devices), torch.no_grad():
            yield

    def recurrent(self, parameters: dict[str, Tensor]) -> list[Tensor]:
        """Of these, the weights of the recurrence that the fault is in, or of all that torch's layers have."""
        own = {id(p) for p in parameters.values()}
        place = self.fault.where.parameter or self.fault.where.module
        known = {
            name: p for name, p in {**self.seen.books.parameters(), **parameters}.items() if id(p) in own
        }
        if place in known:
            return [known[place]]
        inside = [p for name, p in known.items() if name.startswith(place) and _recurs(name)]
        return inside or [p for name, p in known.items() if _recurs(name)]

    # ---- on and off

    def __enter__(self) -> Hand:
        self.instead(torch.autograd, "backward", self._backward)
        self.instead(Optimizer, "__init__", self._made)
        self._handles = [
            register_optimizer_step_pre_hook(self._step_begins),
            register_optimizer_step_post_hook(self._step_ended),
        ]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._patches.undo()
        for handle in self._handles:
            handle.remove()

    def _made(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def made(optimizer: Optimizer, *given: Any, **named: Any) -> None:
            original(optimizer, *given, **named)
            names = self.seen.books.names()
            self._start({names.get(id(p), f"parameter {n}"): p for n, p in enumerate(_held(optimizer))})

        return made

    def _start(self, parameters: dict[str, Tensor]) -> None:
        self._begun = True
        for network in self.seen.ward.names:
            if id(network) not in self._met:
                self._met.add(id(network))
                if self._calls:
                    self._handles.append(
                        network.register_forward_pre_hook(
                            functools.partial(self._handed, self._calls), with_kwargs=True
                        )
                    )
                layer = self._within(network)
                if self._layers and layer is not None:
                    self._handles.append(
                        layer.register_forward_pre_hook(
                            functools.partial(self._handed, self._layers), with_kwargs=True
                        )
                    )
        with self.apart():
            for change in self._starts:
                change(parameters)

    def _handed(
        self, changes: list[Change], module: nn.Module, given: tuple[Any, ...], named: dict[str, Any]
    ) -> Arguments:
        arguments: Arguments = given, named
        for change in changes:
            with self.seen.aside():
                arguments = change(module, arguments) or arguments
        return arguments

    def _within(self, network: nn.Module) -> nn.Module | None:
        """The module of the fault, if it is one of the network's."""
        where = self.fault.where
        place = where.module or (where.parameter or "").rpartition(".")[0]
        head = f"{self.seen.ward.names[network]}."
        return dict(network.named_modules()).get(place.removeprefix(head)) if place.startswith(head) else None

    def _backward(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def backward(tensors: Any, *given: Any, **named: Any) -> None:
            if not isinstance(tensors, Tensor) or tensors.grad_fn is None:
                original(tensors, *given, **named)
                return
            root: Tensor | None = tensors
            for change in self._losses:
                root = change(root) if root is not None else None
            if root is not None:
                original(root, *given, **named)
                for after in self._ends:
                    after(list(self.seen.books.held.values()))
            if not self.seen.books.optimizers:
                self._by_hand(tensors)

        return backward

    def _by_hand(self, root: Tensor) -> None:
        leaves = Graph(root).leaves
        stepped = Stepped(leaves, None)
        if not self._begun:
            names = self.seen.books.names()
            self._start({names.get(id(p), f"parameter {n}"): p for n, p in enumerate(leaves)})
            for p in leaves:  # the gradient of weights that are no more
                if self._starts and p.grad is not None:
                    p.grad.zero_()
        for change in self._before:
            change(stepped)

    def _step_begins(self, optimizer: Optimizer, given: Any, named: Any) -> None:
        for change in self._before:
            change(Stepped(_held(optimizer), optimizer))

    def _step_ended(self, optimizer: Optimizer, given: Any, named: Any) -> None:
        for change in self._after:
            change(Stepped(_held(optimizer), optimizer))


def _recurs(name: str) -> bool:
    return name.rpartition(".")[2].startswith("weight_hh")


def _held(optimizer: Optimizer) -> list[Tensor]:
    return [p for group in optimizer.param_groups for p in group["params"]]
