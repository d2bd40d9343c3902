"""The base of the errors that a person can do something about.

Add here: what holds for all of them. Not here: an error (beside what raises it), or how it is shown
(`salesinsights_dagster.commands.errors`).
"""


class ForeseenError(Exception):
    """The message holds the fact and the remedy.

    The command line shows it alone, as one line, and ends with `exit_code`. Any other exception is a bug and keeps its
    traceback.
    """

    exit_code = 2
