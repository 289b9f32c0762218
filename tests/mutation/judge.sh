#!/usr/bin/env bash
# Do the tests of the core notice? The quick ones first; PyTorch and JAX are loaded only for what survives those.
set -euo pipefail
export HYPOTHESIS_PROFILE=mutation OMP_NUM_THREADS=1 # several judges may share the machine
judge() { timeout 40 python -m pytest -x -q -p no:cacheprovider "$@"; }

judge tests/unit/test_{ops,shapes,schedule,combinators,counting,text,own_lr_fn,json_schema,wrong_calls,expression,jitter}.py \
    tests/parity/test_curves.py tests/property/test_{segments,values,laws,combinators,flat_code}.py \
    -k "not jax and not tensor and not drawn_at_every_depth and not fresh_process"
judge tests/property/test_backends.py -k "not compiled"
