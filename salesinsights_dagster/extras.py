"""Packages that only some installations have.

Add here: how a missing one is told. Not here: what is done with one.
"""

import importlib.util

from resources.foreseen_error import ForeseenError


class MissingExtraError(ForeseenError):
    """A setting needs a package that is not installed; the message names the extra."""


def need_package(module: str, variable: str, extra: str) -> None:
    """Raises MissingExtraError if the module that a setting needs is not installed."""
    if importlib.util.find_spec(module) is None:
        package = module.replace("_", "-")
        raise MissingExtraError(f"{variable} is set, but {package} is missing: pip install 'salesinsights[{extra}]'")
