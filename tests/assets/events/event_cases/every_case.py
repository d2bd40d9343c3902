"""Every case there is, by topic."""

from tests.assets.events.event_cases import json_text, numbers, object_members, order_of_reasons, texts, times

CASES = [
    *(json_text.CASES + object_members.CASES),
    *(times.CASES + texts.CASES + numbers.CASES + order_of_reasons.CASES),
]
