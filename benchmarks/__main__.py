"""`python -m benchmarks [NAME …]`: run all benchmarks, or the named ones, and print their figures."""

import sys
from collections.abc import Callable

from benchmarks import attach, first_paint, headless, journal, lines

BENCHMARKS: dict[str, Callable[[], None]] = {
    "attach": attach.main,
    "first-paint": first_paint.main,
    "headless": headless.main,
    "journal": journal.main,
    "lines": lines.main,
}


def main() -> None:
    names = sys.argv[1:] or list(BENCHMARKS)
    for name in names:
        if name not in BENCHMARKS:
            sys.exit(f"no benchmark named {name}; there are {', '.join(BENCHMARKS)}")
    for name in names:
        print(f"\n== {name}", flush=True)
        BENCHMARKS[name]()


main()
