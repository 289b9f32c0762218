#!/usr/bin/env bash
# Do the tests of the core notice? Those of the changed file first; PyTorch and JAX are loaded only for what survives.
set -euo pipefail
export HYPOTHESIS_PROFILE=mutation OMP_NUM_THREADS=1 # several judges may share the machine
ulimit -t 150 # seconds of work and not of waiting, for each command: a busy machine kills no mutant
judge() { python -m pytest -x -q --tb=no -p no:cacheprovider "$@" || [ $? -eq 5 ]; } # 5: there are none

changed=$(ls -t optimsche/*.py optimsche/*/*.py | sed -n 1p) # not head, which may end ls by a signal
rm -rf "$(dirname "$changed")/__pycache__" # Python may take code of the same second and size for unchanged
judge "$changed" # its examples
case $changed in
    *training/* | *param_groups/*)
        judge tests/training/test_{windows,cut_short,weights,clipping,stages,groups,together}.py
        judge tests/training --deselect tests/training/test_kill.py --deselect tests/training/test_examples.py \
            --ignore tests/training/test_faults.py --ignore tests/training/test_device_path.py
        judge tests/training/test_device_path.py tests/adapters/test_schedule_lr.py
        case $changed in *processes.py | *finding.py | *sharded.py | *norms.py | *by_name.py) judge tests/distributed ;; esac
        exit
        ;;
    *ops.py | *libraries.py) judge tests/unit/test_ops.py ;;
    *schedule.py | *lr_fn.py) judge tests/unit/test_{schedule,lr_fn}.py ;;
    *evaluation/*) judge tests/unit/evaluation tests/unit/test_{schedule,lr_fn}.py ;;
    *ranges.py | *checking.py) judge tests/unit/test_{ranges,checking,wrong_calls}.py ;;
    *text.py) judge tests/unit/test_text.py ;;
    *counting.py) judge tests/unit/test_counting.py ;;
    *combinators/*) judge tests/unit/test_combinators.py ;;
    *expression.py | *_formula.py) judge tests/unit/test_expression.py -k "not tensor" ;;
    *lr_fns/*) judge tests/unit/test_shapes.py tests/parity/test_curves.py ;;
esac
judge tests/unit/test_{ops,shapes,schedule,combinators,counting,text,lr_fn,json_schema,wrong_calls,expression}.py \
    tests/unit/test_{jitter,ranges,checking,names}.py tests/unit/evaluation tests/parity/test_curves.py \
    tests/property/test_{segments,values,laws,combinators,flat_code,precision}.py \
    -k "not jax and not tensor and not drawn_at_every_depth and not fresh_process"
judge tests/property/test_backends.py tests/unit/test_{jitter,expression}.py -k "not compiled and not jax_agrees and not fresh_process"
