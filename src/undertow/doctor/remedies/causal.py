"""A network that is asked for the future must not be shown it: only the past may reach an answer."""

from __future__ import annotations

from undertow.doctor.remedy import Remedy

REMEDY = Remedy("Let the network see the past only: one direction, or a causal mask.")
