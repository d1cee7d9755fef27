"""Every setting out of range is refused by name."""

import pytest

from undertow.errors import SettingError
from undertow.training.options import Training

NAN = float("nan")
WRONG = [
    ("steps", [0, -1]),
    ("minutes", [0.0, -1.0, NAN, float("inf")]),
    ("epochs", [0.0, NAN]),
    ("batch", [0, -3]),
    ("learning_rate", [0.0, -1e-3, NAN]),
    ("validations", [0]),
    ("checkpoint_seconds", [0.0, NAN]),
    ("momentum", [-0.1, 1.0, NAN]),
    ("warmup", [-0.1, 1.0]),
    ("average", [-0.1, 1.0]),
    ("weight_decay", [-1.0, NAN]),
    ("final_rate", [-0.1]),
    ("clip_norm", [-1.0, NAN]),
    ("clip_value", [-1.0]),
    ("patience", [-1]),
    ("jacobian_penalty", [-1.0]),
    ("omega_penalty", [-1.0, NAN]),
    ("identity_penalty", [-1.0]),
    ("spectral_penalty", [-1.0]),
    ("seed", [-1, 2**63]),
]


def test_the_defaults_are_in_range():
    Training().check()


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in WRONG for value in values])
def test_out_of_range(name, value):
    with pytest.raises(SettingError, match=f"--{name.replace('_', '-')} "):
        Training(**{name: value}).check()


@pytest.mark.parametrize("given", [{"steps": 1, "minutes": 1.0}, {"minutes": 1.0, "epochs": 1.0}])
def test_two_budgets_contradict(given):
    with pytest.raises(SettingError, match="Give one of --minutes, --steps and --epochs"):
        Training(**given).check()
