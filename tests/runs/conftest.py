"""Matrices as small as those of `fit` are slower on several threads, above all on a machine that has others to run."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
