"""Nothing is learned of what lies before the window: its gradient ends there."""

from __future__ import annotations

from undertow.doctor.remedy import Remedy

REMEDY = Remedy("A window of truncated backpropagation at least as long as the needed lag.")
