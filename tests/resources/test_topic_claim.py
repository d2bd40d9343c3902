from datetime import UTC, datetime
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from resources import topic_claim
from resources.kafka_connection import KafkaConnection
from resources.kafka_topics import Topic, ensure_topic
from resources.kafka_writer import SoleWriter
from resources.topic_claim import Claim, commit_claim, read_claim
from tests.resources.mock_kafka import MockKafka

CLAIM = Claim("somebody at /a place/with blanks", datetime(2020, 1, 2, 3, 4, 5, 678, tzinfo=UTC))
LATER = Claim("another", datetime(2020, 1, 3, tzinfo=UTC), "what the topic holds, in words of its own")


def test_what_nobody_has_claimed_has_no_claim(mock_kafka: MockKafka, topic: str) -> None:
    mock_kafka.publish(topic, [b"1"])

    assert read_claim(mock_kafka.connection, topic) is None


@pytest.mark.parametrize(("text", "claim"), [(CLAIM.text, CLAIM), (LATER.text, LATER), ("reset by hand", None)])
def test_a_claim_is_the_text_of_a_committed_offset(
    text: str, claim: Claim | None, mock_kafka: MockKafka, topic: str
) -> None:
    mock_kafka.publish(topic, [b"1"])
    consumer = Consumer(mock_kafka.connection.options(group_id=f"salesinsights.publisher.{topic}"))
    consumer.commit(offsets=[TopicPartition(topic, 0, 1, metadata=text)], asynchronous=False)

    assert read_claim(mock_kafka.connection, topic) == claim


def test_a_cluster_that_makes_its_topic_of_offsets_is_asked_again(
    mock_kafka: MockKafka, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([KafkaError.NOT_COORDINATOR, KafkaError.COORDINATOR_LOAD_IN_PROGRESS])

    class Moving(Consumer):
        def committed(self, *asked: Any, **how: Any) -> list[TopicPartition]:
            for code in answers:
                raise KafkaException(KafkaError(code))
            return super().committed(*asked, **how)

    mock_kafka.publish(topic, [b"1"])
    monkeypatch.setattr(topic_claim, "Consumer", Moving)

    assert read_claim(mock_kafka.connection, topic) is None
    assert next(answers, None) is None


@pytest.mark.kafka
def test_a_writer_that_was_fenced_off_claims_nothing(real_kafka: KafkaConnection, topic: str) -> None:
    ensure_topic(real_kafka, Topic(topic, 1))
    earlier = SoleWriter(real_kafka, topic)
    SoleWriter(real_kafka, topic).claim(CLAIM)

    with pytest.raises(Exception, match=r"fenced|newer|_FENCED"):
        earlier.claim(LATER)

    assert read_claim(real_kafka, topic) == CLAIM


@pytest.mark.kafka
def test_a_claim_that_was_not_committed_holds_nobody_up(real_kafka: KafkaConnection, topic: str) -> None:
    """As of a killed writer: Kafka would end its transaction only after minutes."""
    ensure_topic(real_kafka, Topic(topic, 1))
    SoleWriter(real_kafka, topic).claim(CLAIM)
    killed = Producer(real_kafka.options(transactional_id=topic))
    killed.init_transactions(20)
    killed.begin_transaction()
    commit_claim(real_kafka, topic, LATER, killed, 20)

    assert read_claim(real_kafka, topic, timeout=5) == CLAIM
