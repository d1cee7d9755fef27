"""How a network is trained: every setting of the loop, with defaults that work untouched. Needs no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from undertow.errors import SettingError


@dataclass(frozen=True)
class Training:
    """The settings of the loop. Give at most one of minutes, steps, epochs."""

    minutes: float | None = None
    """Wall time of training, validation included; schedules stretch to it."""
    steps: int | None = None
    """Number of optimizer steps."""
    epochs: float | None = None
    """Number of passes over the training data."""
    seed: int = 0
    """Of weights, data order, dropout and scoring samples."""
    batch: int = 64
    """Rows a step."""
    optimizer: Literal["adam", "sgd"] = "adam"
    """Adam (with decoupled weight decay), or SGD with momentum."""
    learning_rate: float = 3e-3
    """Peak of the schedule."""
    momentum: float = 0.9
    """Of SGD."""
    betas: tuple[float, float] = (0.9, 0.99)
    """Memories of Adam: of the gradient, and of its square."""
    weight_decay: float = 0.0
    """Decoupled decay of matrices; vectors are left alone."""
    warmup: float = 0.02
    """Share of the budget over which the learning rate rises from 0."""
    decay: Literal["cosine", "linear", "none"] = "cosine"
    """How the learning rate falls after that, to final_rate."""
    final_rate: float = 0.01
    """Where the learning rate ends, as a share of its peak."""
    clip_norm: float = 1.0
    """Longest gradient; a longer one keeps its direction. 0: off."""
    clip_value: float = 0.0
    """Largest element of the gradient; larger ones are cut. 0: off."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """What matrix products round their factors to while training; sums are float32 always. auto: bfloat16 where the
    processor has a unit for it (AMX), several times as fast, else float32."""
    average: float = 0.0
    """Validate and keep a running average of the weights with this memory, say 0.999. 0: off."""
    jacobian_penalty: float = 0.0
    """Weight of ‖∂state_t/∂state_{t-1}‖², averaged over steps."""
    omega_penalty: float = 0.0
    """Weight of Pascanu's Ω: keeps the norm of the gradient from step to step."""
    identity_penalty: float = 0.0
    """Weight of ‖W - I‖² of the recurrent matrices."""
    spectral_penalty: float = 0.0
    """Weight of (ρ(W) - 1)² of the recurrent matrices."""
    doctor: bool = True
    """Leave out the doctor, who else listens, and says what is wrong when sure of it, into `verdicts.jsonl`."""
    stop_on: Literal["never", "severe"] = "never"
    """Whether a severe verdict of the doctor's ends the training."""
    watch: int = 25
    """How often gradients are measured in depth and in time, evenly over the budget, into `flow/`. 0: never."""
    validations: int = 25
    """How often validation is looked at, evenly over the budget."""
    patience: int = 6
    """Stop after this many validations without a new best. 0: never."""
    checkpoint_seconds: float = 20.0
    """At most this much work is lost to a kill."""

    def check(self) -> None:
        """Refuse settings that are out of range or contradict each other.

        Raises:
            SettingError: names the option.
        """
        given = [name for name in ("minutes", "steps", "epochs") if getattr(self, name) is not None]
        if len(given) > 1:
            raise SettingError(
                f"Give one of --minutes, --steps and --epochs, got {' and '.join('--' + n for n in given)}."
            )
        for name in (
            "minutes",
            "steps",
            "epochs",
            "batch",
            "learning_rate",
            "validations",
            "checkpoint_seconds",
        ):
            value = getattr(self, name)
            if value is not None and not 0 < value < 1e12:
                raise SettingError(f"--{name.replace('_', '-')} must be above 0, got {value}.")
        for name in ("momentum", "warmup", "average"):
            if not 0 <= getattr(self, name) < 1:
                raise SettingError(f"--{name} must be at least 0 and below 1, got {getattr(self, name)}.")
        if not all(0 <= beta < 1 for beta in self.betas):
            raise SettingError(
                f"--betas must be at least 0 and below 1, got {self.betas[0]} {self.betas[1]}."
            )
        if not 0 <= self.seed < 2**63:
            raise SettingError(f"--seed must be at least 0 and below 2^63, got {self.seed}.")
        positive = ("weight_decay", "final_rate", "clip_norm", "clip_value", "patience", "watch")
        for name in (*positive, "jacobian_penalty", "omega_penalty", "identity_penalty", "spectral_penalty"):
            if not getattr(self, name) >= 0:
                raise SettingError(
                    f"--{name.replace('_', '-')} must not be negative, got {getattr(self, name)}."
                )
