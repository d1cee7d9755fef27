"""The case: all that was seen of one training, put so that rules can ask it."""

from __future__ import annotations

from undertow.doctor.course import Course
from undertow.doctor.held import Held
from undertow.doctor.in_time import InTime


class Case(Course, InTime, Held):
    """Asked by rules: what was seen, how it went, what it tells of time, and who trained what."""
