"""What is measured: `python3 -m course bench`. Speed as ratios in one interleaved run, verdicts as counts."""
