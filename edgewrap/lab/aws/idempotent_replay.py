"""Writes that a client sends again because the answer did not reach it: they are answered, not done a second time.

The AWS SDKs number their calls (`amz-sdk-invocation-id`, the same in every attempt). A loaded machine loses an answer
now and then; done twice, a write fails (`InvalidGroup.Duplicate`) or leaves a second thing that nobody knows of.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, NamedTuple

KEPT = 512
"""How many answers are kept: a client tries again within seconds."""

_SUCCESS = "2"


class Answer(NamedTuple):
    """What went out: the body, the status line and the headers."""

    body: bytes
    status: str
    headers: list[tuple[str, str]]


class Repeats:
    """The answers to the last writes that succeeded. What failed is done again: it may succeed by now."""

    def __init__(self, kept: int = KEPT) -> None:
        self._answers: OrderedDict[tuple[str, bytes], Answer] = OrderedDict()
        self._kept = kept

    def find(self, environ: Mapping[str, Any], body: bytes) -> Answer | None:
        """The answer that an earlier attempt of this call got; None for a first one."""
        return self._answers.get(_key(environ, body))

    def keep(self, environ: Mapping[str, Any], body: bytes, answer: Answer) -> None:
        """Keep the answer to a write."""
        key = _key(environ, body)
        if key[0] and answer.status.startswith(_SUCCESS):
            self._answers[key] = answer
            if len(self._answers) > self._kept:
                self._answers.popitem(last=False)


def _key(environ: Mapping[str, Any], body: bytes) -> tuple[str, bytes]:
    return str(environ.get("HTTP_AMZ_SDK_INVOCATION_ID", "")), body
