"""Where labels say nothing about their rows, something between file and batch has mixed them."""

from __future__ import annotations

from undertow.doctor.remedy import Remedy

REMEDY = Remedy(
    "Look at how labels and rows are paired: sorting, shuffling or joining one without the other."
)
