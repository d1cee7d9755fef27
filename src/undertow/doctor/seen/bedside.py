"""Listens to a whole process while it trains: models, losses, backward passes, optimizers, clipping. Changes nothing.

The first steps are looked at closely, later ones now and then, the rest only counted. Whatever is listened to is put
back when it is over.
"""

from __future__ import annotations

import time
import warnings
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Any, NamedTuple

import torch
import torch.fx.traceback as fx_traceback
from torch import Tensor, nn
from torch.nn.modules import module as modules
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.optim.optimizer import (
    Optimizer,
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)
from torch.utils.data import DataLoader, RandomSampler

from undertow.doctor.seen.batches import Call, Calls, apart, by_network, first_tensor
from undertow.doctor.seen.graph import MODULE, STRETCHED, Graph, count_now, reach, read_by_steps
from undertow.doctor.seen.ledger import Ledger
from undertow.doctor.seen.lines import Line, calling, calling_itself, ours, stack
from undertow.doctor.seen.losses import HEADS, losses_of, targets_of
from undertow.doctor.seen.naming import name_of, networks_with
from undertow.doctor.seen.patches import Patches
from undertow.doctor.seen.spoilt import BadData, Singular, bad_among, bad_in_graph
from undertow.doctor.seen.step import Clip, Step
from undertow.doctor.seen.study import How, Study, study
from undertow.flow.guard import Guard
from undertow.flow.nested import tensors
from undertow.flow.parameters import ByHand
from undertow.flow.undisturbed import undisturbed
from undertow.flow.warning import FlowWarning
from undertow.flow.watch import Watch, watch

EVERY = 20  # steps between two measurements of gradients
CLOSELY = 4  # steps at the start
AGAIN = (10, 25, 50, 100, 200, 400, 800, 1600, 3200, 6400, 12800)
NETWORKS = 64  # of a script that are known by name
TARGETS = 60  # steps at which targets are kept beside inputs
PLAIN_LOSSES = [
    "cross_entropy",
    "nll_loss",
    "mse_loss",
    "l1_loss",
    "smooth_l1_loss",
    "huber_loss",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
]
STRETCHING = ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss")  # losses that fit shapes to each other


_set_anomaly = torch.set_anomaly_enabled
_WITH_KEYWORDS: dict[int, bool] = getattr(modules, "_global_forward_hooks_with_kwargs", {})


class Ward(nn.Module):
    """Holds every network that was called as a whole, by the names that the script gives them."""

    def __init__(self) -> None:
        super().__init__()
        self.names: dict[nn.Module, str] = {}

    def take_in(self, module: nn.Module, name: str) -> None:
        """Under a name of its own."""
        name = name.replace(".", "_") or "model"
        free = name if name not in self._modules else f"{name}_{len(self._modules)}"
        self.names[module] = free
        self._modules[free] = module


class HeldOut(NamedTuple):
    """A loss that was taken without gradients."""

    step: int  # optimizer steps before
    value: Tensor
    line: Line
    loader: int  # which loader's batches were asked for last


class Bedside:
    """Everything that was seen."""

    def __init__(
        self, enough: Callable[[Bedside], bool] | None = None, watch: Watch | None = None, every: int = EVERY
    ) -> None:
        """`enough` is asked after every step; `watch` is one that is on already, and measures in the place of ours;
        without it gradients are measured every so many steps."""
        self.ward, self.every = Ward(), every
        self.also: frozenset[int] = frozenset()  # further steps that are looked at closely
        self._watch, self._borrowed = watch, watch is not None
        self.enough = enough
        self.steps: list[Step] = []
        self.studies: list[Study] = []
        self.held_out: list[HeldOut] = []  # losses without gradients
        self._loader = 0  # the last that was asked for batches
        self.calls = Calls()
        self.detached: dict[
            Line, list[int]
        ] = {}  # steps that each tensor reached back, by the line that detached it
        self.raw: dict[int, tuple[str, Tensor]] = {}  # parameters of no module
        self.held: dict[int, Tensor] = {}  # by id: parameters that an optimizer holds
        self.kept_graphs = 0  # backward passes that were told to keep their graph
        self.backwards = 0
        self.children = 0  # processes that were started
        self.bad_data: BadData | None = None
        self.singular: Singular | None = None
        self.spoilt: int | None = None  # the first step whose loss was no number
        self.ran: set[nn.Module] = set()  # modules that were called in the steps looked at closely
        self.failures: list[Exception] = []  # of listening
        self.began = time.perf_counter()
        self._ledgers: dict[int, Ledger] = {}
        self._by_hand: Ledger | None = None
        self._moved = ByHand({})  # did weights that are stepped by hand change?
        self._patches = Patches(self._failed)
        self._handles: list[Any] = []
        self._over: float | None = None
        self._depth = 0
        self._within = False  # one of our own passes
        self._since = 0  # autograd's count at the last step
        self._steps_at: dict[int, int] = {}  # the same, by ledger
        self._running: list[tuple[nn.Module, int]] = []
        self._anomaly = (torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled())
        self._asked: list[Call] = []  # calls of whole networks since the last backward pass
        self._asking = False  # the last call of a network was made without gradients
        self.right: list[
            tuple[int, float]
        ] = []  # shares of equal classes that were counted then, after so many steps
        self.loaders: dict[int, tuple[int | None, bool]] = {}  # batch size, and whether rows are shuffled
        self._scaled: tuple[weakref.ref[Tensor], float] | None = (
            None  # what a loss scaler gave, and its factor
        )
        self._hooked = False  # the script listens to a gradient of this step itself
        self._called: tuple[Any, Line] | None = None  # what a network was called with last

    # ---- on and off

    def __enter__(self) -> Bedside:
        hear, safely = (
            self._patches.hear,
            Guard(self._failed),
        )  # a script must not feel what goes wrong in listening
        hear(torch.autograd, "backward", self._backward)
        hear(torch.autograd, "grad", self._gradients_asked)
        hear(Optimizer, "__init__", self._made)
        hear(torch.Tensor, "detach", self._detach)
        hear(DataLoader, "__iter__", self._loads)
        hear(torch.amp.GradScaler, "scale", self._scales)
        hear(torch.Tensor, "register_hook", self._hooks)
        hear(BaseProcess, "start", self._starts)
        for owner, name in ((torch.Tensor, "__eq__"), (torch.Tensor, "eq"), (torch, "eq")):
            hear(owner, name, self._compared)
        for name in ("clip_grad_norm_", "clip_grad_value_"):
            hear(torch.nn.utils, name, self._clips(name))
            hear(torch.nn.utils.clip_grad, name, self._clips(name))
        for name in PLAIN_LOSSES:
            hear(torch.nn.functional, name, self._plain_loss)
        for name in STRETCHING:
            hear(torch.nn.functional, name, _stretches)
        self._patches.replace(
            torch.jit, "script", self._patches.paused_in
        )  # it reads the source of what is called
        self._patches.replace(fx_traceback, "format_stack", self._stack_kept)
        self._patches.replace(torch, "set_anomaly_enabled", self._anomaly_set)
        self._patches.replace(torch, "is_anomaly_enabled", lambda _: lambda: self._anomaly[0])
        self._patches.replace(torch, "is_anomaly_check_nan_enabled", lambda _: lambda: self._anomaly[1])
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
        self._look(True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over = time.perf_counter()
        self._patches.undo()
        for handle in self._handles:
            handle.remove()
            _WITH_KEYWORDS.pop(handle.id, None)  # torch leaves this mark of a hook behind
        torch.set_anomaly_enabled(*self._anomaly)
        if self._watch is not None and not self._borrowed:
            self._watch.leave()
        self._say_failures()

    @property
    def seconds(self) -> float:
        """Since listening began."""
        return (self._over or time.perf_counter()) - self.began

    @contextmanager
    def aside(self) -> Iterator[None]:
        """What is done meanwhile is ours, and not listened to."""
        self._within = True
        try:
            yield
        finally:
            self._within = False

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

    @property
    def optimizers(self) -> list[Optimizer]:
        """In the order in which they were made."""
        return [ledger.optimizer for ledger in self._ledgers.values() if ledger.optimizer is not None]

    @property
    def since(self) -> int:
        """Where autograd's count stood at the last step."""
        return self._since

    @property
    def flow(self) -> Watch | None:
        """What the networks' own watch has measured."""
        return self._watch

    @property
    def closely(self) -> bool:
        """Is this step looked at closely?"""
        return len(self.steps) < CLOSELY or len(self.steps) in AGAIN or len(self.steps) in self.also

    def _look(self, closely: bool) -> None:
        """Keep the line of every operation, while steps are looked at closely."""
        on, checks = self._anomaly
        _set_anomaly(closely or on, checks and on if closely else checks)

    def _anomaly_set(self, _: Callable[..., Any]) -> Callable[..., Any]:
        """What the script itself asks for is what it gets, and what it is told."""

        def asked(mode: bool, check_nan: bool = True) -> None:
            self._anomaly = (mode, check_nan)
            self._look(self.closely)

        return asked

    def _stack_kept(self, torchs: Callable[[], list[str]]) -> Callable[[], list[str]]:
        """Of every operation in a step that is looked at closely; torch's own where it was the script that asked."""

        def kept() -> list[str]:
            asked = self._anomaly[0] or fx_traceback.has_preserved_node_meta()
            return torchs() if asked else stack()

        return kept

    # ---- networks

    def _module_begins(self, module: nn.Module, arguments: Any) -> None:
        if self._within or module is self.ward:
            return
        if not self._running and module not in self.ward.names and torch.is_grad_enabled():
            self._meet(module)
        self._running.append((module, count_now()))

    def _meet(self, module: nn.Module) -> None:
        known = {id(p) for p in self.ward.parameters()}
        if all(
            id(p) in known for p in module.parameters()
        ):  # parts of known ones, put together anew, or no parameters
            return
        self._take_in(module, name_of(module, type(module).__name__))

    def _take_in(self, module: nn.Module, name: str) -> None:
        if len(self.ward.names) >= NETWORKS:
            return
        self.ward.take_in(module, name)
        scripted = any(isinstance(m, torch.jit.ScriptModule) for m in module.modules())  # takes no hooks
        if self._watch is not None and not self._borrowed and not scripted:
            self._watch.include(module)

    def _module_ended(self, module: nn.Module, arguments: Any, *given: Any) -> None:
        """Of one that raised torch tells the arguments alone, not those by name."""
        if self._within or all(running is not module for running, _ in self._running):
            return
        while self._running[-1][0] is not module:  # ended by an exception that somebody caught further out
            self._running.pop()
        _, oldest = self._running.pop()
        if len(given) < 2 or given[-1] is None:
            return
        named, output = given
        if self.closely:
            self.ran.add(module)
        if self.closely and torch.is_grad_enabled():
            self._mark(module, output, oldest)
        if self._running or module not in self.ward.names:
            return
        self._asking = not torch.is_grad_enabled()
        if torch.is_grad_enabled() and module.training:
            self._called = (arguments, named), calling() if self.calls.wanted else Line()
            if self.calls.wanted:
                call = Call(
                    module, self.ward.names[module], len(self.steps), arguments, named, output, calling()
                )
                self._asked.append(call)
                self.calls.add(call)

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
        if self._within:
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
        if self._within or named.get("create_graph"):
            return None
        root = first_tensor(named.get("outputs", arguments[0] if arguments else None))
        inputs = list(tensors(named.get("inputs", arguments[1] if len(arguments) > 1 else None)))
        if root is None or root.grad_fn is None or root.numel() != 1 or not inputs or ours():
            return None
        if not all(t.is_leaf and id(t) in self.held for t in inputs):
            return None
        return self._backward_of(root, named, adds=False)

    def _backward_of(self, root: Tensor, named: dict[str, Any], adds: bool) -> Callable[[Any], None]:
        self.backwards += 1
        scale = self._scaled[1] if self._scaled is not None and self._scaled[0]() is root else 1.0
        self.kept_graphs += bool(named.get("retain_graph", False))
        if not self._ledgers:
            self._stepped_by_hand(root)
        over = self._studied(root, scale)
        self._if_spoilt(root)
        loss = root.detach() / scale  # in memory of its own: the script may change it in place
        for ledger in self._ledgers_of_step():
            ledger.backward_begins(loss, adds)

        def ended(_: Any) -> None:
            over()
            for ledger in self._ledgers_of_step():
                ledger.backward_ended()
            if self._by_hand is not None:  # weights are still those of the forward pass
                self._by_hand.step_begins()
                self._since = count_now()

        return ended

    def _stepped_by_hand(self, root: Tensor) -> None:
        """No optimizer is known: what was before this backward pass was a step."""
        if self._by_hand is None:
            leaves = Graph(root).leaves
            self._by_hand = Ledger(0, leaves)
            self._moved = ByHand({str(n): p for n, p in enumerate(leaves)})
            self._moved.stepped()
            self._hold(leaves)
        elif self._moved.stepped() and self._by_hand.open is not None:
            self._ended(self._by_hand)

    def _studied(self, root: Tensor, scale: float) -> Callable[[], None]:
        if not self.closely and len(self.steps) >= TARGETS:
            self._asked.clear()
            return lambda: None
        graph = Graph(root)
        if not self.closely:
            self._pair(graph, losses_of(graph))
            return lambda: None
        self._name_raw(graph.leaves)
        self._within = True
        try:
            how = How(scale, walks=not self._hooked)
            with undisturbed(self.ward):  # what is kept may be worked out anew when it is asked for
                made, over = study(graph, root, len(self.steps), self.names(), self._since_of(graph), how)
        finally:
            self._within = False
        self.studies.append(made)
        self.singular = self.singular or made.singular
        self._pair(graph, made.losses)
        return over

    def _since_of(self, graph: Graph) -> int:
        """Autograd's count at the last step of the optimizers whose parameters are reached; of several players the
        one whose step is longest ago may still want what was made before another's."""
        reached = {id(v) for v in graph.leaves}
        own = [led for led in self._ledgers.values() if any(id(p) in reached for p in led.parameters)]
        return min((self._steps_at.get(led.place, 0) for led in own), default=self._since)

    def _if_spoilt(self, root: Tensor) -> None:
        """The first time that a loss is no number, look for what made it one. Elsewhere than on the CPU asking is
        dear."""
        if self.spoilt is not None or not (root.is_cpu or self.closely):
            return
        if bool(root.detach().isfinite().all()):
            return
        self.spoilt = step = len(self.steps)
        if self._called is not None:
            arguments, line = self._called
            self.bad_data = bad_among(arguments, "input", step, line)
        graph = Graph(root)
        if self.bad_data is None:
            targets = [loss for loss in losses_of(graph) if loss.target is not None]
            found = (bad_among(loss.target, "target", step, loss.line) for loss in targets)
            self.bad_data = next((bad for bad in found if bad is not None), None)
        if self.bad_data is None:
            self.bad_data = bad_in_graph(graph, step)

    def _pair(self, graph: Graph, losses: list[Any]) -> None:
        """Put the target beside what the network was called with; of a loop over raw tensors the graph knows the
        inputs."""
        targets = targets_of(losses)
        target = targets[0] if targets else None
        target = next((loss.laid_out for loss in losses if loss.laid_out is not None), target)
        if not self.ward.names and target is not None and self.calls.wanted:
            read = read_by_steps(graph, 8)
            if read is not None:
                self.calls.add_raw(
                    Call(self.ward, "the loop", len(self.steps), (read[0],), {}, None, calling()), read[1]
                )
                self.calls.kept[-1].target = target.detach().clone()
            return
        asked, self._asked = self._asked, []
        if not asked:
            return
        difference = next((loss.difference for loss in losses if loss.difference is not None), None)
        output = first_tensor(asked[-1].output)
        if target is None and difference is not None and output is not None:
            fits = output.numel() == difference.numel()
            target = output.detach().reshape(difference.shape) - difference.detach() if fits else None
        if target is None:
            return
        others = targets[1:] if len(targets) <= HEADS else []
        for *_, call in by_network(asked):  # an encoder before its head; the last of several windows
            call.target, call.others = apart(target), tuple(map(apart, others))

    @property
    def studied_ids(self) -> set[int]:
        """Parameters, by id, whose optimizer took at least two steps that were looked at closely."""
        studied = {s.step for s in self.studies}
        count = [
            sum(s.optimizer == led.place and s.number in studied for s in self.steps)
            for led in self._ledgers_of_step()
        ]
        pairs = zip(self._ledgers_of_step(), count, strict=True)
        return {id(p) for led, n in pairs if n >= 2 for p in led.parameters}

    def _ledgers_of_step(self) -> list[Ledger]:
        return list(self._ledgers.values()) or ([self._by_hand] if self._by_hand is not None else [])

    def parameters(self) -> dict[str, Tensor]:
        """All that is known to be trained, or could be, by name."""
        found: dict[str, Tensor] = dict(self.ward.named_parameters())
        found.update(dict(self.raw.values()))
        return found

    def names(self) -> dict[int, str]:
        """Of every parameter, by id."""
        found = {id(p): name for name, p in self.ward.named_parameters()}
        return {**{key: name for key, (name, _) in self.raw.items()}, **found}

    # ---- optimizers

    def _optimizer_begins(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        if not self._within:
            ledger = self._ledger(optimizer)
            own = {id(p) for p in ledger.parameters}
            later = [p for group in optimizer.param_groups for p in group["params"] if id(p) not in own]
            if later:  # a group that was added
                ledger.parameters += later
                self._hold(later)
            ledger.step_begins()

    def _optimizer_ended(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        if self._within:
            return
        self._ended(self._ledger(optimizer))

    def _made(self, arguments: tuple[Any, ...], named: dict[str, Any]) -> Callable[[Any], None] | None:
        def after(_: Any) -> None:
            self._ledger(arguments[0])

        return None if self._within else after

    def _ended(self, ledger: Ledger) -> None:
        self._hooked = False
        self.steps.append(ledger.step_ended(len(self.steps), calling() if ledger.taken < 2 else Line()))
        if ledger.optimizer is not None:
            self._since = self._steps_at[ledger.place] = count_now()
        self._look(self.closely)
        if self.enough is not None and self.enough(self):
            raise Enough

    def _ledger(self, optimizer: Optimizer) -> Ledger:
        if id(optimizer) not in self._ledgers:
            parameters = [p for group in optimizer.param_groups for p in group["params"]]
            self._ledgers[id(optimizer)] = Ledger(len(self._ledgers), parameters, optimizer)
            for name, module in networks_with({id(p) for p in parameters}).items():
                if module not in self.ward.names:
                    self._take_in(module, name)
            self._hold(parameters)
        return self._ledgers[id(optimizer)]

    def _hold(self, parameters: list[Tensor]) -> None:
        """An optimizer, or the script by hand, steps these."""
        self._name_raw(parameters)
        self.held.update({id(p): p for p in parameters})

    def _name_raw(self, parameters: list[Tensor]) -> None:
        own = {id(p) for p in self.ward.parameters()}
        for number, parameter in enumerate(parameters):
            if id(parameter) not in own and id(parameter) not in self.raw:
                self.raw[id(parameter)] = name_of(parameter, f"parameter {number}"), parameter

    # ---- calls of torch

    def _clips(self, name: str) -> Callable[..., Callable[[Any], None] | None]:
        kind = "norm" if "norm" in name else "value"

        def heard(arguments: tuple[Any, ...], named: dict[str, Any]) -> Callable[[Any], None] | None:
            if self._within or self._depth:
                return None
            limit = named.get(
                "max_norm", named.get("clip_value", arguments[1] if len(arguments) > 1 else 0.0)
            )
            line = calling()
            self._depth += 1

            def after(result: Any) -> None:
                self._depth -= 1
                norm = result.detach() if isinstance(result, Tensor) else None
                for ledger in self._clipped_ones(arguments):
                    ledger.clipped(Clip(kind, float(limit), norm, line, not ledger.current().losses))

            return after

        return heard

    def _clipped_ones(self, arguments: tuple[Any, ...]) -> list[Ledger]:
        given = arguments[0] if arguments else ()
        if not isinstance(given, Tensor | list | tuple):
            return list(self._ledgers.values())  # a generator: it may be read once only
        own = {id(p) for p in ([given] if isinstance(given, Tensor) else given)}
        return [led for led in self._ledgers.values() if any(id(p) in own for p in led.parameters)]

    def _detach(self, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        if self._within or not self.closely or not torch.is_grad_enabled():
            return
        if (
            arguments[0].grad_fn is not None and arguments[0].dim() > 1 and arguments[0].shape[-1] > 1
        ):  # a state
            line = calling_itself()
            if line:  # not one of torch's own, or of ours
                self.detached.setdefault(line, []).append(reach(Graph(arguments[0])))

    def _loads(self, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        loader = arguments[0]
        self._loader = id(loader)
        self.loaders[id(loader)] = loader.batch_size, isinstance(loader.sampler, RandomSampler)

    def _scales(self, arguments: tuple[Any, ...], named: dict[str, Any]) -> Callable[[Any], None]:
        """Of a loss scaler: what is minimised is the loss before it."""

        def after(result: Any) -> None:
            if isinstance(result, Tensor):
                self._scaled = weakref.ref(result), float(arguments[0].get_scale())

        return after

    def _hooks(self, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        """A hook of the script's own would hear our passes, too: there are none in this step."""
        if self.closely and not self._within and arguments[0].grad_fn is not None and not self._hooked:
            self._hooked = bool(calling_itself())

    def _starts(self, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        self.children += 1

    def _compared(self, arguments: tuple[Any, ...], named: dict[str, Any]) -> Callable[[Any], None] | None:
        """Classes told, against those that are right, while nothing is trained."""
        if not self._asking or torch.is_grad_enabled() or self._within or len(arguments) < 2:
            return None
        one, other = arguments[:2]
        if (
            not (isinstance(one, Tensor) and isinstance(other, Tensor))
            or one.shape != other.shape
            or one.dim() != 1
        ):
            return None
        if one.is_floating_point() or other.is_floating_point() or one.numel() < 2:
            return None
        step = len(self.steps)

        def after(result: Any) -> None:
            if isinstance(result, Tensor):
                self.right.append((step, float(result.double().mean())))

        return after

    def _plain_loss(self, arguments: tuple[Any, ...], named: dict[str, Any]) -> Callable[[Any], None] | None:
        if self._within or torch.is_grad_enabled():
            return None
        line, step = calling(), len(self.steps)
        target = named.get("target", arguments[1] if len(arguments) > 1 else None)
        summed = named.get("reduction") == "sum" and isinstance(target, Tensor)
        count = max(target.numel(), 1) if summed and isinstance(target, Tensor) else 1

        def after(result: Any) -> None:
            if isinstance(result, Tensor):
                self.held_out.append(HeldOut(step, result.detach().mean() / count, line, self._loader))

        return after


class Enough(BaseException):
    """Ends a script that has been seen long enough; no `except Exception` of it catches this."""


def _stretches(arguments: tuple[Any, ...], named: dict[str, Any]) -> Callable[[Any], None] | None:
    """Notes where a loss stretches the outputs over targets of another shape; a target that is stretched harms none."""
    given = [
        named.get(name, arguments[n] if len(arguments) > n else None)
        for n, name in enumerate(("input", "target"))
    ]
    shapes = [tuple(tensor.shape) for tensor in given if isinstance(tensor, Tensor)]
    if len(shapes) < 2 or shapes[0] == shapes[1]:
        return None

    def after(result: Any) -> None:
        whole = tuple(torch.broadcast_shapes(*shapes))  # type: ignore[no-untyped-call]
        if isinstance(result, Tensor) and result.grad_fn is not None and whole != shapes[0]:
            node: Any = result.grad_fn
            node.metadata[STRETCHED] = shapes[0], whole

    return after
