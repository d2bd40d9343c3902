"""Audiences to Kafka: the topic of gold/audience_members, for a mail tool that follows who joins and who leaves.

Add here: what its messages say. Not here: how a table is published (`table_topic`), or who is in an audience.
"""

from dataclasses import dataclass

from assets.serving.table_topic import TableTopic
from assets.tables import AUDIENCE_MEMBERS


@dataclass(frozen=True)
class AudienceTopic(TableTopic):
    """A message a member: the row when they join, a tombstone when they leave."""

    source = AUDIENCE_MEMBERS
    key = ("audience", "user_id")
    asset = "audiences"
    what = (
        "Audiences as the compacted Kafka topic {topic}. Key: audience and user_id. Value: since when the user is in "
        "it; a tombstone when they leave."
    )
    setting = "SALESINSIGHTS_AUDIENCE_TOPIC"
