"""SpeeChain's configurations: a way into the training step."""

from optimsche.speechain.building import from_conf
from optimsche.speechain.conf import build_optim_sches

__all__ = ["build_optim_sches", "from_conf"]
