"""Waiting in tests for what another thread or process does: as long as it takes, up to a limit that no machine comes near."""
import time


def soon(condition, seconds=30):
    """Whether the condition comes true in so many seconds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True
