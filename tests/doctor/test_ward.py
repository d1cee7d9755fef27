import signal
import time

import pytest

from undertow.doctor.plan import Plan
from undertow.doctor.ward import Arm, Ward


def test_an_interrupt_ends_what_runs_together(tmp_path):
    script = tmp_path / "waits.py"
    script.write_text("import time\ntime.sleep(300)\n")
    ward = Ward(str(script), (), Plan(workers=2))
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    began = time.monotonic()
    signal.alarm(6)
    try:
        with pytest.raises(KeyboardInterrupt):
            ward.together([(ward, Arm(), draw) for draw in range(4)])
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    assert time.monotonic() - began < 60
    assert not ward.running
