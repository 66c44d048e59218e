"""Limits of time, size and form on what AWS, or something else at its endpoint, answers.

botocore's time-outs count from packet to packet, it reads an answer of any size, and it raises plain Python errors for
one of another form.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

from edgewrap.errors import AwsError
from edgewrap.limits import TooLargeError, joined, within
from edgewrap.remedies import Remedy
from edgewrap.safe_text import one_line
from edgewrap.secrets import remember

ANSWER_S = 45.0  # for one whole answer: longer than botocore's own time-outs, which it retries
MOST_BYTES = 64 << 20
LONGEST_SHOWN = 160  # characters of an answer in an error
_CHUNK = 1 << 16

NOT_AWS = Remedy(
    "",
    "something other than AWS answers at the endpoint",
    "check aws.endpoint_url, AWS_ENDPOINT_URL and the proxy settings",
)
"""For an answer that cannot be parsed, or an error with an HTTP status in place of a code of AWS's."""

WRONG_FORM = (LookupError, TypeError, ValueError, AttributeError, RecursionError)
"""What botocore, and code that reads an answer, raise for one of another form."""


def invalid_answer(error: Exception, who: str) -> AwsError:
    """The error for an answer of another form."""
    text = one_line(f"{type(error).__name__}: {error}")
    shown = text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"
    return AwsError(f"{who} sent an answer that cannot be used: {shown}", cause=NOT_AWS.cause, advice=NOT_AWS.advice)


def limit_answers(client: Any, who: str, *, once: bool) -> Any:
    """The boto3 client, each of its answers within the limits. They raise AwsError, which is not retried.

    `once`: no limit of time. A call that is left behind may be sent later, when what it makes is not looked for any
    more; the IPAM driver, which makes such calls, has a limit of its own.
    """
    session = client._endpoint.http_session  # noqa: SLF001  botocore has no other place for it
    session.send = _limited(session.send, who, once=once)
    return client


def _limited(send: Callable[[Any], Any], who: str, *, once: bool) -> Callable[[Any], Any]:
    from botocore.exceptions import ConnectionClosedError
    from urllib3.exceptions import HTTPError

    def exchange(request: Any) -> Any:
        token = request.headers.get("X-Amz-Security-Token", b"")
        remember(token.decode() if isinstance(token, bytes) else str(token))
        request.stream_output = True  # so that botocore does not read the body
        response = send(request)
        try:
            body = joined(response.raw.stream(_CHUNK), MOST_BYTES)
        except HTTPError as error:
            raise ConnectionClosedError(error=error, request=request, endpoint_url=request.url) from error
        response._content, response.raw = body, io.BytesIO(body)  # noqa: SLF001  where botocore keeps a body
        return response

    def limited(request: Any) -> Any:
        try:
            return exchange(request) if once else within(ANSWER_S, lambda: exchange(request))
        except TimeoutError as error:
            text = f"no complete answer within {ANSWER_S:.0f} s"
            raise AwsError(f"{who}: {text}", cause=NOT_AWS.cause, advice=NOT_AWS.advice) from error
        except TooLargeError as error:
            raise AwsError(f"the answer of {who}: {error}", cause=NOT_AWS.cause, advice=NOT_AWS.advice) from error

    return limited
