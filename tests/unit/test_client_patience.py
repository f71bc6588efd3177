"""Which answers of Kafka are asked for again, and for how long."""

import pytest
from confluent_kafka import KafkaError, KafkaException

from sluicegate.streams.clients import kafka_errors
from sluicegate.streams.clients.kafka_errors import UNKNOWN_PARTITION, patiently


class Answers:
    """Errors one after the other, then an answer."""

    def __init__(self, *codes: int) -> None:
        self.codes = list(codes)

    def __call__(self) -> str:
        """Ask."""
        if self.codes:
            raise KafkaException(KafkaError(self.codes.pop(0)))
        return "here"


@pytest.mark.parametrize(
    "code", [UNKNOWN_PARTITION, KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.NOT_LEADER_FOR_PARTITION]
)
def test_what_a_broker_that_comes_back_says_is_asked_again(code: int) -> None:
    """While it is away the client knows no partition, and just after it is there it knows no topic."""
    assert patiently(Answers(code, code), 10.0) == "here"


def test_a_topic_that_is_not_there_is_believed_after_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not after as long as a broker may be away."""
    monkeypatch.setattr(kafka_errors, "_STARTING_S", 0.1)
    answers = Answers(*[KafkaError.UNKNOWN_TOPIC_OR_PART] * 1_000)
    with pytest.raises(KafkaException):
        patiently(answers, 60.0)
    assert 0 < len(answers.codes) < 1_000


def test_a_refusal_is_not_asked_again() -> None:
    """Nobody gets a right by asking twice."""
    answers = Answers(KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.TOPIC_AUTHORIZATION_FAILED)
    with pytest.raises(KafkaException):
        patiently(answers, 60.0)
    assert len(answers.codes) == 1
