"""The shapes: lr functions that are made of nothing but arithmetic, one a file."""

from optimsche.lr_fns.constant import constant
from optimsche.lr_fns.cosine import cosine
from optimsche.lr_fns.exponential import exponential
from optimsche.lr_fns.expression import expression
from optimsche.lr_fns.geometric import geometric
from optimsche.lr_fns.growth import growth
from optimsche.lr_fns.hyperbolic import hyperbolic
from optimsche.lr_fns.inverse_sqrt import inverse_sqrt
from optimsche.lr_fns.linear import linear
from optimsche.lr_fns.milestones import milestones
from optimsche.lr_fns.one_minus_power import one_minus_power
from optimsche.lr_fns.piecewise_constant import piecewise_constant
from optimsche.lr_fns.piecewise_linear import piecewise_linear
from optimsche.lr_fns.polynomial import polynomial
from optimsche.lr_fns.power_law import power_law
from optimsche.lr_fns.rex import rex
from optimsche.lr_fns.step_decay import step_decay
from optimsche.lr_fns.tanh import tanh

__all__ = [
    "constant",
    "cosine",
    "exponential",
    "expression",
    "geometric",
    "growth",
    "hyperbolic",
    "inverse_sqrt",
    "linear",
    "milestones",
    "one_minus_power",
    "piecewise_constant",
    "piecewise_linear",
    "polynomial",
    "power_law",
    "rex",
    "step_decay",
    "tanh",
]
