"""AWS's error codes as assertions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import ClientError


@contextmanager
def refused(code: str) -> Iterator[None]:
    """AWS answers with this error code; with none, or with another one, the assertion fails."""
    try:
        yield
    except ClientError as error:
        answered = error.response["Error"]["Code"]
    else:
        answered = "no error"
    assert answered == code
