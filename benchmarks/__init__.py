"""Each claim about speed, side by side with its rivals in one run: ``python -m benchmarks``."""
