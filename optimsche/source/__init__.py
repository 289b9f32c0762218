"""A plan written out as one plain function, in Python or JavaScript, that needs nothing of this library."""

from optimsche.source.write import LANGUAGES, Language, code

__all__ = ["LANGUAGES", "Language", "code"]
