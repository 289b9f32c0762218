#!/usr/bin/env bash
# Do the tests of the core notice? The quick ones first; PyTorch and JAX are loaded only for what survives those.
set -euo pipefail
export HYPOTHESIS_PROFILE=mutation OMP_NUM_THREADS=1 # several judges may share the machine
judge() { timeout 120 python -m pytest -x -q -p no:cacheprovider "$@"; }

judge tests/unit/test_{shapes,counting,text,own_lr_fn,json_schema}.py tests/property/test_segments.py \
    tests/parity/test_curves.py
judge tests/unit/test_{wrong_calls,expression}.py tests/property/test_{values,combinators,laws,flat_code}.py \
    --deselect tests/property/test_laws.py::test_every_function_is_drawn_at_every_depth
judge tests/unit/test_{metrics,coming_from_torch,curve,jitter}.py tests/parity
