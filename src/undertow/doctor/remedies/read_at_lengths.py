"""What stands past a row's end is padding; its own last step is where it is read."""

from __future__ import annotations

from undertow.doctor.remedy import Remedy

REMEDY = Remedy("Read at each row's length: gather the last valid step, or pack the sequences.")
