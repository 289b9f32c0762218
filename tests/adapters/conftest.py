"""What pytest leaves alone while it looks for doctests: modules of packages that may not be there."""

from importlib.util import find_spec

collect_ignore = [] if find_spec("accelerate") else ["accelerate_loop.py"]
