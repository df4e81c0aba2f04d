# SPDX-License-Identifier: MIT
"""How tests wait for what offers no event. Apart from harness.py, since clients of which there are many start sooner
without that."""

import time

# A generous end for what must happen: a busy machine may take that long, and only a test that fails waits for it.
SECONDS = 60


def wait_until(condition, seconds=SECONDS, pause=0.005):
    """The condition's value as soon as it is true, or its last one. It is asked for again after a pause."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value or time.monotonic() > deadline:
            return value
        time.sleep(pause)
