"""A way past the layers brings the gradient down undiminished (He et al. 2016)."""

from __future__ import annotations

from undertow.doctor.remedy import Remedy

REMEDY = Remedy("A way past the layers: x + f(x).")
