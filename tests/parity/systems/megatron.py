"""Megatron-LM: ``num_steps`` counts from 0 and moves by ``increment`` with each update."""

from fractions import Fraction

from optimsche import peers


def build(case):
    options = {"quantity": case["quantity"]} if "quantity" in case else {}
    return getattr(peers.megatron, case["schedule"])(**case["params"], **options)


def values(case):
    schedule, increment = build(case), case["params"].get("increment", 1)
    return [schedule(float(Fraction(step, increment) + 1)) for step in case["steps"]]
