"""The header line of a CSV file of events: it names the columns.

Add here: what a header must contain. Not here: how a row is read (`csv_line_parser`).
"""

from assets.events.contract import FIELDS
from resources.foreseen_error import ForeseenError

REQUIRED = ("event_time", "event_type", "product_id", "price", "user_id")


class BrokenFileError(ForeseenError):
    """The file can't be published or loaded; the message gives the file, the line and the reason."""


def checked_header(file: str, header: list[str]) -> list[str]:
    """The header of a file of events. Raises BrokenFileError if it lacks a required column or has a column twice."""
    missing = [name for name in REQUIRED if name not in header]
    if missing:
        raise BrokenFileError(f"{file}, line 1: the header lacks {', '.join(missing)}; known: {', '.join(FIELDS)}")
    if len(set(header)) < len(header):
        raise BrokenFileError(f"{file}, line 1: a column appears twice in the header")
    return header
