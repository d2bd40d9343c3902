"""Who visits: which user makes a visit, and the ids that users and sessions carry.

Add here: what is true of a visitor in every visit.
Not here: what happens during a visit (`visits`).
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from salesinsights_dagster.simulator import calibration as real
from salesinsights_dagster.simulator.catalogue import Ints

Bytes = NDArray[np.uint8]

HEX = np.frombuffer(b"".join(b"%02x" % i for i in range(256)), dtype=np.uint8).reshape(256, 2)
DASHES = np.array([8, 13, 18, 23])
NOT_DASHES = np.setdiff1d(np.arange(36), DASHES)


@dataclass(frozen=True)
class Population:
    """The people of one month: `month` counts from the shop's opening, `visits` is how many the month has."""

    seed: int
    month: int
    visits: int

    def visitors(self, rng: np.random.Generator, kind: Ints) -> Ints:
        """A user id per visit. Pools are nested: all buyers also browse, most browsers don't buy."""
        sizes = np.array([kind.users_per_visit for kind in real.VISIT_KINDS]) * self.visits
        skews = np.array([kind.skew for kind in real.VISIT_KINDS])
        rank = (np.maximum(sizes, 1)[kind] * rng.random(len(kind)) ** skews[kind]).astype(np.int64)
        regular = rank % real.REGULAR_EVERY == 0
        return np.where(regular, self._regular_ids(rank), self._new_ids(rank))

    def _regular_ids(self, rank: Ints) -> Ints:
        return real.FIRST_REGULAR_ID + (rank * real.ID_STRIDE + self.seed) % real.REGULAR_IDS

    def _new_ids(self, rank: Ints) -> Ints:
        first = real.FIRST_NEW_ID + self.month * real.NEW_IDS_A_MONTH
        return first + (rank * real.ID_STRIDE + self.seed) % real.NEW_IDS_A_MONTH


def session_ids(visit: NDArray[np.uint64]) -> pl.Series:
    """The session id of each visit number, in UUID form; visit 0 has none."""
    digits = HEX[_random_bytes(visit)].reshape(-1, 32)
    text = np.full((len(visit), 36), ord("-"), dtype=np.uint8)
    text[:, NOT_DASHES] = digits
    sessions = pl.Series("user_session", text.view("S36").ravel()).cast(pl.String)
    return sessions.set(pl.Series(visit == 0), None)


def _random_bytes(visit: NDArray[np.uint64]) -> Bytes:
    both = np.stack([_mix(visit), _mix(visit + np.uint64(0x9E3779B97F4A7C15))], axis=1)
    raw = both.astype(">u8").view(np.uint8).reshape(-1, 16)
    raw[:, 6] = raw[:, 6] & 0x0F | 0x40  # version 4
    raw[:, 8] = raw[:, 8] & 0x3F | 0x80
    return raw


def _mix(number: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finalizer of SplitMix64 (Steele, Lea, Flood 2014): spreads a number's bits over all 64."""
    number = (number ^ (number >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    number = (number ^ (number >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return number ^ (number >> np.uint64(31))
