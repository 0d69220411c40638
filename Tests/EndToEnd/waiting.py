"""Waiting for something that can be observed, never for time to pass."""

from __future__ import annotations

import time
from typing import Callable, TypeVar

T = TypeVar("T")


def until(look: Callable[[], T], seconds: float, what: str, every: float = 0.02) -> T:
    """The first true thing that `look` returns; an error that says what was awaited when none came in time."""
    deadline = time.monotonic() + seconds
    while True:
        seen = look()
        if seen:
            return seen
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds} s for {what}")
        time.sleep(every)
