"""Programs of benchmarks/unseen of which something else, or something of a healthy one, was said at a first look."""

import io
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from undertow.doctor.diagnosis import diagnose

FOLDER = Path(__file__).parents[2] / "benchmarks" / "unseen"
TAUGHT = {
    # a loss that leaves out the answer's first steps; classes counted from 0, words from 1
    ("lake_seiche", "sees_future", 1): "T112",
    # gradients that are no numbers any more, and are still there
    ("lake_seiche", "no_zero_grad", 0): "L101",
    # an optimizer that is made and never takes a step
    ("lift_cabin", "not_in_optimizer", 0): "D107",
    # inputs that pin the gates of a GRU, zeros in between
    ("molecule_strings", "gate_saturation", 1): "T110",
    # what one network gives another is no data
    ("plucked_string", "nan_gradient_op", 0): "L109",
    ("plucked_string", "bad_datum", 0): "L108",
    # the square root of 0 that wild steps lead to is no one's fault
    ("sledge_swing", "step_too_large", 0): "L103",
    ("sledge_swing", "nan_gradient_op", 0): "L109",
    # nothing that was read tells the target: it is not that the recurrence forgets
    ("clinic_visits", "no_signal", 0): None,
    # the network is told the lengths; rows fall silent before they end
    ("clinic_visits", "reads_padding", 0): "T108",
    # 11 steps felt and 20 needed at first, 38 felt in the end
    ("song_stream", "", 1): None,
    # nine targets of ten are not asked for, and all others are right
    ("pump_stream", "", 0): None,
}


@pytest.mark.parametrize(("program", "fault", "seed"), TAUGHT, ids=lambda value: str(value) or "healthy")
def test_what_is_said_first(program, fault, seed):
    words = ["--seed", str(seed), *(["--fault", fault] if fault else [])]
    with redirect_stdout(io.StringIO()):
        told = diagnose(FOLDER / f"{program}.py", words)
    said = [v.code for v in told.verdicts]
    assert (said[0] if said else None) == TAUGHT[program, fault, seed]
