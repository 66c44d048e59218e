"""The two kinds of refusal by AWS: the request is wrong (HTTP 400), or AWS lacks capacity (HTTP 500)."""

from __future__ import annotations

from moto.ec2.exceptions import EC2ClientError
from werkzeug.exceptions import HTTPException


class RefusedError(EC2ClientError):
    """`code` and `message` are AWS's; clients do not retry."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)


class OutOfCapacityError(HTTPException):
    """A server error, so clients retry, some of them for a long time."""

    code = 500

    def __init__(self, code: str, message: str) -> None:
        super().__init__(
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f"<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>"
            "<RequestID>lab</RequestID></Response>"
        )

    def get_headers(self, *_arguments: object, **_named: object) -> list[tuple[str, str]]:
        return [("Content-Type", "text/xml")]
