"""Listens to a whole process while it trains: models, losses, backward passes, optimizers, clipping. Changes nothing.

The first steps are looked at closely, later ones now and then, the rest only counted. Whatever is listened to is put
back when it is over. Here are networks and backward passes; what else is heard has a file of its own.
"""

from __future__ import annotations

import time
import warnings
import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules import module as modules
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.optim.optimizer import (
    Optimizer,
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)

from undertow.doctor.seen import stretching
from undertow.doctor.seen.batches import Calls, first_tensor
from undertow.doctor.seen.books import Books
from undertow.doctor.seen.graph import MODULE, Graph, count_now, reach
from undertow.doctor.seen.kept_lines import KeptLines
from undertow.doctor.seen.lines import Line, calling_itself, ours
from undertow.doctor.seen.looks import Looks
from undertow.doctor.seen.losses import losses_at_end
from undertow.doctor.seen.naming import name_of
from undertow.doctor.seen.now import Now
from undertow.doctor.seen.pairs import Pairs
from undertow.doctor.seen.patches import Patches
from undertow.doctor.seen.spoilt import BadData, Singular, bad_data
from undertow.doctor.seen.step import Step
from undertow.doctor.seen.study import How, Study, study
from undertow.doctor.seen.ward import Ward
from undertow.flow.guard import Guard
from undertow.flow.nested import tensors
from undertow.flow.undisturbed import undisturbed
from undertow.flow.warning import FlowWarning
from undertow.flow.watch import Watch, watch

EVERY = 20  # steps between two measurements of gradients
TARGETS = 60  # steps at which targets are kept beside inputs

_WITH_KEYWORDS: dict[int, bool] = getattr(modules, "_global_forward_hooks_with_kwargs", {})


class Bedside:
    """Everything that was seen."""

    def __init__(
        self, enough: Callable[[Bedside], bool] | None = None, watch: Watch | None = None, every: int = EVERY
    ) -> None:
        """`enough` is asked after every step; `watch` is one that is on already, and measures in the place of ours;
        without it gradients are measured every so many steps."""
        self.enough, self.every = enough, every
        self._watch, self._borrowed = watch, watch is not None
        self.now, self.ward = Now(), Ward()
        self.books = Books(self.now, self.ward, self._take_in)
        self.looks = Looks(self.now)
        self.pairs = Pairs(self.now, self.ward)
        self.studies: list[Study] = []
        self.detached: dict[Line, list[int]] = {}  # steps that each tensor reached back, by the line
        self.kept_graphs = 0  # backward passes that were told to keep their graph
        self.backwards = 0
        self.children = 0  # processes that were started
        self.bad_data: BadData | None = None
        self.singular: Singular | None = None
        self.spoilt: int | None = None  # the first step whose loss was no number
        self.ran: set[nn.Module] = set()  # modules that were called in the steps looked at closely
        self.failures: list[Exception] = []  # of listening
        self.began = time.perf_counter()
        self._over: float | None = None
        self._lines = KeptLines(self.now)
        self._patches = Patches(self._failed)
        self._handles: list[Any] = []
        self._running: list[tuple[nn.Module, int]] = []
        self._scaled: tuple[weakref.ref[Tensor], float] | None = (
            None  # what a loss scaler gave, and its factor
        )
        self._hooked = False  # the script listens to a gradient of this step itself

    # ---- on and off

    def __enter__(self) -> Bedside:
        safely = Guard(self._failed)  # a script must not feel what goes wrong in listening
        self._put_on(self._patches)
        self._handles = [
            register_optimizer_step_pre_hook(safely(self._optimizer_begins)),
            register_optimizer_step_post_hook(safely(self._optimizer_ended)),
            register_module_forward_pre_hook(safely(self._module_begins)),
            register_module_forward_hook(safely(self._module_ended), with_kwargs=True, always_call=True),
        ]
        if not self._borrowed:
            self._watch = watch(self.ward, every=self.every)
            self._watch.guard.failed = self._watch_failed
            self._watch.__enter__()
        self._lines.look(True)
        return self

    def _put_on(self, patches: Patches) -> None:
        hear = patches.hear
        hear(torch.autograd, "backward", self._backward)
        hear(torch.autograd, "grad", self._gradients_asked)
        hear(torch.Tensor, "detach", self._detach)
        hear(torch.amp.GradScaler, "scale", self._scales)
        hear(torch.Tensor, "register_hook", self._hooks)
        hear(BaseProcess, "start", self._starts)
        self.books.put_on(patches)
        self.looks.put_on(patches)
        stretching.put_on(patches)
        patches.replace(torch.jit, "script", patches.paused_in)  # it reads the source of what is called
        self._lines.put_on(patches)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over = time.perf_counter()
        self._patches.undo()
        for handle in self._handles:
            handle.remove()
            _WITH_KEYWORDS.pop(handle.id, None)  # torch leaves this mark of a hook behind
        self._lines.set_back()
        if self._watch is not None and not self._borrowed:
            self._watch.leave()
        self._say_failures()

    def _failed(self, error: Exception) -> None:
        self.failures.append(error)

    def _watch_failed(self, error: Exception) -> None:
        assert self._watch is not None
        self._watch.give_up()
        self._failed(error)

    def _say_failures(self) -> None:
        """When all is over: the script may have made warnings errors."""
        if self.failures:
            first = self.failures[0]
            text = f"undertow: something could not be listened to: {type(first).__name__}: {first}"
            with warnings.catch_warnings():
                warnings.simplefilter("default")
                warnings.warn(text, FlowWarning, stacklevel=3)

    # ---- what was seen

    @property
    def seconds(self) -> float:
        """Since listening began."""
        return (self._over or time.perf_counter()) - self.began

    @property
    def steps(self) -> list[Step]:
        """Of all optimizers, in order."""
        return self.now.steps

    @property
    def flow(self) -> Watch | None:
        """What the networks' own watch has measured."""
        return self._watch

    @property
    def calls(self) -> Calls:
        """Of whole networks, in training."""
        return self.pairs.calls

    @property
    def studied_ids(self) -> set[int]:
        """Parameters, by id, whose optimizer took at least two steps that were looked at closely."""
        return self.books.studied_ids(self.studies)

    def aside(self) -> AbstractContextManager[None]:
        """What is done meanwhile is ours, and not listened to."""
        return self.now.aside()

    # ---- networks

    def _module_begins(self, module: nn.Module, arguments: Any) -> None:
        if self.now.ours or module is self.ward:
            return
        if not self._running and module not in self.ward.names and torch.is_grad_enabled():
            self._meet(module)
        self._running.append((module, count_now()))

    def _meet(self, module: nn.Module) -> None:
        if not self.ward.knows_all_of(module):
            self._take_in(module, name_of(module, type(module).__name__))

    def _take_in(self, module: nn.Module, name: str) -> None:
        if self.ward.full:
            return
        self.ward.take_in(module, name)
        scripted = any(isinstance(m, torch.jit.ScriptModule) for m in module.modules())  # takes no hooks
        if self._watch is not None and not self._borrowed and not scripted:
            self._watch.include(module)

    def _module_ended(self, module: nn.Module, arguments: Any, *given: Any) -> None:
        """Of one that raised torch tells the arguments alone, not those by name."""
        if self.now.ours or all(running is not module for running, _ in self._running):
            return
        while self._running[-1][0] is not module:  # ended by an exception that somebody caught further out
            self._running.pop()
        _, oldest = self._running.pop()
        if len(given) < 2 or given[-1] is None:
            return
        named, output = given
        learns = torch.is_grad_enabled()
        if self.now.closely:
            self.ran.add(module)
            if learns:
                self._mark(module, output, oldest)
        if not self._running and module in self.ward.names:
            self.looks.asking = not learns
            if learns and module.training:
                self.pairs.add(module, arguments, named, output)

    def _mark(self, module: nn.Module, output: Any, oldest: int) -> None:
        """Note the module in autograd's nodes, the innermost first."""
        waiting: list[Any] = [t.grad_fn for t in tensors(output) if t.grad_fn is not None]
        while waiting:
            node = waiting.pop()
            if node._sequence_nr() >= oldest and MODULE not in node.metadata:
                node.metadata[MODULE] = type(module).__name__
                waiting += [after for after, _ in node.next_functions if after is not None]

    # ---- backward

    def _backward(self, arguments: tuple[Any, ...], named: dict[str, Any]) -> Callable[[Any], None] | None:
        if self.now.ours:
            return None
        given = named.get("tensors", arguments[0] if arguments else None)
        root = given if isinstance(given, Tensor) else first_tensor(given)
        if root is None or root.grad_fn is None or ours():
            return None
        return self._backward_of(root, named, adds=True)

    def _gradients_asked(
        self, arguments: tuple[Any, ...], named: dict[str, Any]
    ) -> Callable[[Any], None] | None:
        """Of a number, by leaves, to be kept by hand: a backward pass, too, which adds to nothing."""
        if self.now.ours or named.get("create_graph"):
            return None
        root = first_tensor(named.get("outputs", arguments[0] if arguments else None))
        inputs = list(tensors(named.get("inputs", arguments[1] if len(arguments) > 1 else None)))
        if root is None or root.grad_fn is None or root.numel() != 1 or not inputs or ours():
            return None
        if not all(t.is_leaf and id(t) in self.books.held for t in inputs):
            return None
        return self._backward_of(root, named, adds=False)

    def _backward_of(self, root: Tensor, named: dict[str, Any], adds: bool) -> Callable[[Any], None]:
        self.backwards += 1
        scale = self._scaled[1] if self._scaled is not None and self._scaled[0]() is root else 1.0
        self.kept_graphs += bool(named.get("retain_graph", False))
        step = self.books.backward_begins(root)
        if step is not None:
            self._stepped(step)
        over = self._studied(root, scale)
        self._if_spoilt(root)
        loss = root.detach() / scale  # in memory of its own: the script may change it in place
        for ledger in self.books.all:
            ledger.backward_begins(loss, adds)

        def ended(_: Any) -> None:
            over()
            self.books.backward_ended()

        return ended

    def _studied(self, root: Tensor, scale: float) -> Callable[[], None]:
        if not self.now.closely and self.now.number >= TARGETS:
            self.pairs.forget()
            return lambda: None
        graph = Graph(root)
        if not self.now.closely:
            self.pairs.join(graph, losses_at_end(graph))
            return lambda: None
        self.books.name_raw(graph.leaves)
        names, since = self.books.names(), self.books.since_of(graph)
        how = How(scale, walks=not self._hooked)
        with self.aside(), undisturbed(self.ward):  # what is kept may be worked out anew when it is asked for
            made, over = study(graph, root, self.now.number, names, since, how)
        self.studies.append(made)
        self.singular = self.singular or made.singular
        self.pairs.join(graph, made.losses)
        return over

    def _if_spoilt(self, root: Tensor) -> None:
        """The first time that a loss is no number, look for what made it one. Elsewhere than on the CPU asking is
        dear."""
        if self.spoilt is not None or not (root.is_cpu or self.now.closely):
            return
        if not bool(root.detach().isfinite().all()):
            self.spoilt = self.now.number
            self.bad_data = bad_data(root, self.pairs.called, self.spoilt)

    # ---- optimizers

    def _optimizer_begins(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        if not self.now.ours:
            self.books.step_begins(optimizer)

    def _optimizer_ended(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        if not self.now.ours:
            self._stepped(self.books.ended(self.books.of(optimizer)))

    def _stepped(self, step: Step) -> None:
        self._hooked = False
        self.steps.append(step)
        self._lines.look(self.now.closely)
        if self.enough is not None and self.enough(self):
            raise Enough

    # ---- calls of torch

    def _detach(self, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        if self.now.ours or not self.now.closely or not torch.is_grad_enabled():
            return
        state = arguments[0]
        if state.grad_fn is not None and state.dim() > 1 and state.shape[-1] > 1:
            line = calling_itself()
            if line:  # not one of torch's own, or of ours
                self.detached.setdefault(line, []).append(reach(Graph(state)))

    def _scales(self, arguments: tuple[Any, ...], named: dict[str, Any]) -> Callable[[Any], None]:
        """Of a loss scaler: what is minimised is the loss before it."""

        def after(result: Any) -> None:
            if isinstance(result, Tensor):
                self._scaled = weakref.ref(result), float(arguments[0].get_scale())

        return after

    def _hooks(self, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        """A hook of the script's own would hear our passes, too: there are none in this step."""
        if self.now.closely and not self.now.ours and arguments[0].grad_fn is not None and not self._hooked:
            self._hooked = bool(calling_itself())

    def _starts(self, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        self.children += 1


class Enough(BaseException):
    """Ends a script that has been seen long enough; no `except Exception` of it catches this."""
