"""Fresh memory is NaN in every test of kernels: an element that nobody wrote shows."""

import numpy as np
import pytest
import torch

from undertow.compiler.buffers import POOL


@pytest.fixture(autouse=True)
def fresh_memory_is_nan(monkeypatch: pytest.MonkeyPatch) -> None:
    def filled(make):
        def made(*args, **settings):
            result = make(*args, **settings)
            tracing = torch._C._len_torch_dispatch_stack() or torch._C._functorch.peek_interpreter_stack()
            if not tracing and result.is_floating_point():
                result.detach().fill_(float("nan"))
            return result

        return made

    def array(*args, **settings):
        result = numpy_empty(*args, **settings)
        if result.dtype.kind == "f":
            result.fill(np.nan)
        return result

    def pooled(*args, **settings):
        made = pool_empty(*args, **settings)
        return made.fill_(float("nan") if made.is_floating_point() else 255)  # bytes of NaN

    numpy_empty, pool_empty = np.empty, POOL.empty
    monkeypatch.setattr(torch, "empty", filled(torch.empty))
    monkeypatch.setattr(torch, "empty_like", filled(torch.empty_like))
    monkeypatch.setattr(torch.Tensor, "new_empty", filled(torch.Tensor.new_empty))
    monkeypatch.setattr(np, "empty", array)
    monkeypatch.setattr(POOL, "empty", pooled)
