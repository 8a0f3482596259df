"""`python3 -m course bench NAME`: what is measured, and the table it prints."""

import importlib
import sys

BENCHES = {
    "grading": "a verdict's cost beside nbgrader's, in one interleaved run; memory; the hostile set",
    "speed": "rules beside torch's kernels and the memory's bandwidth, sweeps beside loops: a table of ratios",
    "verdicts": "right and wrong answers over many seeds, and every one-token change of the solutions",
}


def main(argv):
    """Run one bench: its exit status, 0 where all targets are met."""
    arguments = list(argv)
    if not arguments or arguments[0] in ("-h", "--help"):
        print("usage: python3 -m course bench NAME [OPTIONS]\n")
        for name, what in BENCHES.items():
            print(f"  {name:10}{what}")
        print("\nOptions of one bench: python3 -m course bench NAME --help")
        return 0 if arguments else 2
    if arguments[0] not in BENCHES:
        print(f"course bench: got {arguments[0]!r}, expected one of {', '.join(BENCHES)}", file=sys.stderr)
        return 2
    return importlib.import_module(f"course.bench.{arguments[0]}").main(arguments[1:])
