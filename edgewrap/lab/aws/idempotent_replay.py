"""A write that a client sends again, because the response was lost, gets the same response and is not done twice.

The AWS SDKs number their calls (`amz-sdk-invocation-id`, the same in every attempt). A loaded machine sometimes loses a
response; done twice, a write fails (`InvalidGroup.Duplicate`) or creates a second, unknown resource.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, NamedTuple

KEPT = 512
"""How many responses are kept: a client retries within seconds."""

_SUCCESS = "2"


class Answer(NamedTuple):
    """A response: the body, the status line and the headers."""

    body: bytes
    status: str
    headers: list[tuple[str, str]]


class IdempotentReplay:
    """The responses to the last writes that succeeded. A failed write is done again: it may succeed now."""

    def __init__(self, kept: int = KEPT) -> None:
        self._answers: OrderedDict[tuple[str, bytes], Answer] = OrderedDict()
        self._kept = kept

    def find(self, environ: Mapping[str, Any], body: bytes) -> Answer | None:
        """The response to an earlier attempt of this call; None for a first attempt."""
        return self._answers.get(_key(environ, body))

    def keep(self, environ: Mapping[str, Any], body: bytes, answer: Answer) -> None:
        """Keep the response to a write."""
        key = _key(environ, body)
        if key[0] and answer.status.startswith(_SUCCESS):
            self._answers[key] = answer
            if len(self._answers) > self._kept:
                self._answers.popitem(last=False)


def _key(environ: Mapping[str, Any], body: bytes) -> tuple[str, bytes]:
    return str(environ.get("HTTP_AMZ_SDK_INVOCATION_ID", "")), body
