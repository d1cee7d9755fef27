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

    def lease(*args, **settings):
        result = pool_lease(*args, **settings)
        for tensor in result.tensors:
            tensor.fill_(float("nan"))
        return result

    numpy_empty, pool_lease = np.empty, POOL.lease
    monkeypatch.setattr(torch, "empty", filled(torch.empty))
    monkeypatch.setattr(torch, "empty_like", filled(torch.empty_like))
    monkeypatch.setattr(torch.Tensor, "new_empty", filled(torch.Tensor.new_empty))
    monkeypatch.setattr(np, "empty", array)
    monkeypatch.setattr(POOL, "lease", lease)
