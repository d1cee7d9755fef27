"""Which engine draws sequences: a kernel where every layer has one, else the eager loop, with one word of why.

The same rules as `undertow.compiler.engine.walk` has for a walk over a sequence that is there.
"""

from __future__ import annotations

import torch

from undertow.compiler.engine import ELSEWHERE, numba_missing, say_unfit, unfit, warn_once
from undertow.compiler.generation import Begin, Drawn, Net
from undertow.errors import MissingExtraError, SettingError


def speak(engine: str, net: Net, begin: Begin, longest: int) -> Drawn | None:
    """Sequences as `undertow.compiler.sampling.sample` draws them, or None where the eager loop has to.

    Raises:
        SettingError: engine="numba" and this network cannot go through a kernel.
        MissingExtraError: engine="numba" and Numba is missing or too old.
        DivergedError: scores are no numbers, because weights or states are none.
    """
    if engine == "eager":
        return None
    elsewhere, unheld = _called_from(), _unheld(net, begin)
    if elsewhere or unheld:
        say_unfit(engine, type(net.cells[0]).__name__, elsewhere, unheld)
        return None
    missing = numba_missing()
    if missing:
        if engine == "numba":
            raise MissingExtraError(missing)
        warn_once(missing)
        return None
    from undertow.compiler.graph import NoRowError  # Numba is loaded only where it is used
    from undertow.compiler.sampling import sample

    try:
        return sample(net, begin, longest)
    except NoRowError as error:
        name = type(net.cells[0]).__name__
        if engine == "numba":
            raise SettingError(f"{name} has no kernel: {error}.") from error
        warn_once(f"{name} runs on the eager loop, up to 10 times slower, because it has no kernel: {error}.")
        return None


def _called_from() -> str:
    looked_on = torch.compiler.is_compiling() or torch._C._functorch.peek_interpreter_stack() is not None
    return "it is called under a transform (torch.compile, torch.export or torch.func)" if looked_on else ""


def _unheld(net: Net, begin: Begin) -> str:
    states = [field for state in begin.states for field in state]
    unheld = unfit([*net.tensors, *states], states, begin.tokens.numel())
    return unheld or ("" if begin.tokens.is_cpu else ELSEWHERE)
