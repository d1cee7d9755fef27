"""Which engine draws sequences: a kernel where every layer has one, else the eager loop, with one word of why.

The same rules as `undertow.compiler.engine.walk` has for a walk over a sequence that is there.
"""

from __future__ import annotations

import torch

from undertow.compiler.engine import _warn_once as warn_once
from undertow.compiler.engine import numba_missing
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
    reason = _unfit(net, begin)
    if reason:
        if engine == "numba":
            raise SettingError(
                f'engine="numba" cannot draw from this: {reason}. Use engine="auto" or "eager".'
            )
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


def _unfit(net: Net, begin: Begin) -> str:
    """Why kernels cannot draw from this here and now, or nothing."""
    if torch.compiler.is_compiling() or torch._C._functorch.peek_interpreter_stack() is not None:
        return "it is called under a transform (torch.compile, torch.export or torch.func)"
    states = [field for state in begin.states for field in state]
    tensors = [*net.tensors, *states]
    if any(t.device.type != "cpu" for t in (*tensors, begin.tokens)):
        return "kernels run on the CPU, and a tensor is elsewhere"
    kinds = {t.dtype for t in tensors}
    if len(kinds) > 1 or not kinds <= {torch.float32, torch.float64}:
        shown = ", ".join(sorted(map(str, kinds)))
        return f"kernels hold float32 or float64, all alike, and got {shown}"
    if any(s.dim() != 2 for s in states):
        return "a state is not [B, n]"
    return "" if begin.tokens.numel() else "there are no sequences"
