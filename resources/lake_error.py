"""The base of the lake's errors.

Add here: nothing else. Not here: an error of a kind of its own (beside what raises it).
"""

from resources.foreseen_error import ForeseenError


class LakeError(ForeseenError):
    """The lake can't be read or written; the message says what failed and what to do."""
