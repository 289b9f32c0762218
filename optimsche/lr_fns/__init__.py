"""The shapes: lr functions that are made of nothing but arithmetic, one family a file."""

from optimsche.lr_fns.constant import constant
from optimsche.lr_fns.cosine import cosine
from optimsche.lr_fns.exponential import exponential, geometric
from optimsche.lr_fns.expression import expression
from optimsche.lr_fns.linear import linear
from optimsche.lr_fns.polynomial import one_minus_power, polynomial
from optimsche.lr_fns.power_law import inverse_sqrt, power_law
from optimsche.lr_fns.rational import hyperbolic, rex
from optimsche.lr_fns.stairs import milestones, step_decay
from optimsche.lr_fns.tables import piecewise_constant, piecewise_linear
from optimsche.lr_fns.tanh import tanh

__all__ = [
    "constant",
    "cosine",
    "exponential",
    "expression",
    "geometric",
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
