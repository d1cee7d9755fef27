"""Small problems, and one thread: nets this small only wait for a second one."""

from collections.abc import Iterator

import pytest
import torch

from undertow.bench import recurrence


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def quick_roofs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's roofs, as if they had been measured."""
    monkeypatch.setattr(recurrence, "gemm_gflops", lambda: [100.0])
    monkeypatch.setattr(recurrence, "read_gbytes", lambda size: [10.0])
