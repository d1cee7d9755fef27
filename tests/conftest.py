"""Every test draws from the same seed, alone or among others, and leaves the default dtype alone."""

from collections.abc import Iterator

import pytest
import torch


@pytest.fixture(autouse=True)
def same_seed() -> Iterator[None]:
    dtype = torch.get_default_dtype()
    torch.manual_seed(0)
    yield
    assert torch.get_default_dtype() is dtype
