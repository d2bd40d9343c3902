"""What goes wrong with the local broker.

Add here: a kind of failure that a caller has to tell apart from the others.
Not here: the messages; each is written where the failure is found.
"""

from resources.foreseen_error import ForeseenError


class BrokerError(ForeseenError):
    """The local broker can't do what was asked; the message holds the fact and the remedy."""


class PortTakenError(BrokerError):
    """Another program took the port between our check and the broker's bind."""
