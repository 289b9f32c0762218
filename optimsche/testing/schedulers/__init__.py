"""Laws for schedulers that have a state, whoever wrote them.

- ``driving``: how each kind of scheduler is stepped, read, saved and loaded
- ``programs``: what is done to one, in short lists of words that shrink
- ``laws``: what each law asks after every word
- ``check``: ``check_scheduler``, which searches for a program that breaks a law
"""

from optimsche.testing.schedulers.check import check_scheduler

__all__ = ["check_scheduler"]
