"""Every test draws from the same seed, alone or among others, and leaves the default dtype alone.

Run by several processes, the tests of one cell share one, and those of one file: each kernel is compiled once.
"""

import signal
from collections.abc import Iterator

import pytest
import torch


@pytest.fixture(autouse=True)
def same_seed() -> Iterator[None]:
    dtype = torch.get_default_dtype()
    torch.manual_seed(0)
    yield
    assert torch.get_default_dtype() is dtype


def pytest_configure() -> None:
    """The processes of pytest-xdist ignore Ctrl-C, which some tests and their children have to hear."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        case = getattr(item, "callspec", None) and item.callspec.params.get("case")
        item.add_marker(pytest.mark.xdist_group(str(case) if case else item.path.name))
