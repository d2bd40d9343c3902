"""A range is read to its end, with exactly its committed messages, however librdkafka hands them out."""

from typing import cast

from confluent_kafka import Message
from hypothesis import given, settings

from resources.kafka_reader import _Reading
from tests.resources.partition_model import Handed, Story, stories


def taken(reading: _Reading, call: list[Handed]) -> list[int]:
    return reading.take(cast("list[Message]", call))


@settings(max_examples=500, deadline=None)
@given(stories())
def test_every_range_ends_with_exactly_its_committed_messages(story: Story) -> None:
    reading = _Reading(story.start, story.end)
    closed: list[int] = []

    for call in story.calls:
        # A partition that was read to its end is unassigned: librdkafka drops what it still holds of it.
        closed += taken(reading, [one for one in call if one.place in reading.open])

    chunk = reading.chunk()
    assert reading.open == set()
    assert sorted(closed) == [place for place in story.end if story.start[place] < story.end[place]]
    assert dict(chunk.reached) == story.end
    read = chunk.messages.select("partition", "offset").rows()
    assert len(read) == len(set(read))
    assert set(read) == story.messages


@settings(max_examples=200, deadline=None)
@given(stories())
def test_what_was_reached_never_moves_back(story: Story) -> None:
    reading = _Reading(story.start, story.end)
    before = dict(story.start)

    for call in story.calls:
        taken(reading, [one for one in call if one.place in reading.open])
        now = dict(reading.chunk().reached)
        assert all(before[place] <= now[place] <= story.end[place] for place in now)
        before = now
