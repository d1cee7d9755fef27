import re

import torch
from torch import fx

from undertow.doctor.seen.bedside import Bedside
from undertow.doctor.seen.lines import FRAME, stack

FRAMES = re.compile(r'File "([^"]*)", line (\d+), in (\S+)')


def _kept(of):
    return [FRAMES.search(line).groups() for line in of.grad_fn.metadata["traceback_"]]


def test_what_is_kept_of_an_operation_is_the_users_line_as_torch_keeps_it(monkeypatch):
    x = torch.ones(3, requires_grad=True)
    found = []
    for way in (fx.traceback.format_stack, lambda: stack()):
        monkeypatch.setattr(fx.traceback, "format_stack", way)
        with torch.autograd.set_detect_anomaly(True, check_nan=False):
            found.append(x * 2)
    torchs, ours = map(_kept, found)
    assert ours == [frame for frame in torchs if frame[0] == __file__][-1:]
    assert "found.append(x * 2)" in found[1].grad_fn.metadata["traceback_"][-1]


def test_a_script_that_looks_for_anomalies_gets_the_whole_of_torchs_own():
    x, own = torch.ones(3, requires_grad=True), fx.traceback.format_stack
    with Bedside():
        short = x * 2
        with torch.autograd.set_detect_anomaly(True):
            whole = x * 2
    assert fx.traceback.format_stack is own
    library = [line for line in whole.grad_fn.metadata["traceback_"] if "_pytest" in line]
    assert library
    assert all(line.count("\n") >= 2 for line in library)  # with their source
    assert FRAME.search(short.grad_fn.metadata["traceback_"][-1])["file"] == __file__
