"""The load of each node, asked of its agent.

There are no agents here: what they would take to answer is waited for. As in life, each takes its own time, and one
is so busy that it does not answer at all.
"""

import itertools
import threading
import time

SECONDS = (0.09, 0.13, 0.16, 0.19, 0.23, 0.27, 0.55, 0.31, 0.36, 0.42, 0.48, 0.54)
SILENT = 6  # the index of the node whose agent does not answer

_turn = itertools.count()
_lock = threading.Lock()


def load() -> tuple[int, float]:
    """(index of a node, its load between 0 and 1), of one node after the other. TimeoutError if it is silent."""
    with _lock:
        index = next(_turn) % len(SECONDS)
    time.sleep(SECONDS[index])
    if index == SILENT:
        raise TimeoutError(f"the agent of node {index + 1} did not answer within {SECONDS[index] * 1000:.0f} ms")
    return index, round(0.2 + SECONDS[index], 2)
