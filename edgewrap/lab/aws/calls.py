"""The log of AWS API calls, without credentials."""

from __future__ import annotations

import json
import re
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from pydantic import BaseModel, ConfigDict, Field

KEPT = 20_000
"""How many calls are kept in memory; the file has them all."""

_SCOPE = re.compile(r"Credential=[^/,\s]*/\d{8}/(?P<region>[^/]*)/(?P<service>[^/]*)/aws4_request")
_READS = ("Describe", "Get", "List", "Head", "GET", "HEAD")


class ApiCall(BaseModel):
    """One call. `time` is Unix time in seconds; `parameters` are flattened (`Filter.1.Name`, as EC2 writes them).

    `action` is the operation's name (`AllocateAddress`); S3 requests have none: then it is the client's `x-id`, or
    else the HTTP method.
    `status` is the HTTP status of the answer, `error` AWS's error code or empty.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    serial: int
    time: float
    service: str
    region: str
    action: str
    parameters: dict[str, str] = Field(default_factory=dict)
    status: int
    error: str

    @property
    def reads(self) -> bool:
        """Whether the call can change nothing."""
        return self.action.startswith(_READS)


class CallLog:
    """The calls, in order, in memory and in a file (one JSON object per line)."""

    def __init__(self, file: Path, kept: int = KEPT) -> None:
        self._calls: deque[ApiCall] = deque(maxlen=kept)
        self._serial = 0
        self._lock = threading.Lock()
        self._file = file.open("a", encoding="utf-8", buffering=1)

    def add(self, environ: Mapping[str, Any], body: bytes, status: int, answer: bytes) -> ApiCall:
        """Record one call from its WSGI environment, its body and its response."""
        service, region = _service_and_region(environ)
        action, parameters = _action_and_parameters(environ, body)
        with self._lock:
            self._serial += 1
            call = ApiCall(
                serial=self._serial,
                time=round(time.time(), 6),
                service=service,
                region=region,
                action=action,
                parameters=parameters,
                status=status,
                error=_error_code(answer) if status >= 400 else "",
            )
            self._calls.append(call)
            self._file.write(call.model_dump_json() + "\n")
        return call

    def after(self, serial: int) -> tuple[ApiCall, ...]:
        """The calls kept whose serial is higher."""
        with self._lock:
            return tuple(call for call in self._calls if call.serial > serial)


def _service_and_region(environ: Mapping[str, Any]) -> tuple[str, str]:
    """From the scope of the signature; the signature itself is not checked."""
    signed = f"{environ.get('HTTP_AUTHORIZATION', '')}&{environ.get('QUERY_STRING', '').replace('%2F', '/')}"
    match = _SCOPE.search(signed)
    return (match["service"], match["region"]) if match else ("", "")


def _action_and_parameters(environ: Mapping[str, Any], body: bytes) -> tuple[str, dict[str, str]]:
    query = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
    target = str(environ.get("HTTP_X_AMZ_TARGET", ""))
    if target:
        return target.rpartition(".")[2], _flatten_json(body)
    if str(environ.get("CONTENT_TYPE", "")).startswith("application/x-www-form-urlencoded"):
        query |= dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    action, operation = query.pop("Action", ""), query.pop("x-id", "")
    query.pop("Version", None)
    parameters = {name: value for name, value in query.items() if not name.lower().startswith("x-amz-")}
    if action:
        return action, parameters
    return operation or str(environ["REQUEST_METHOD"]), {"path": str(environ.get("PATH_INFO", "")), **parameters}


def _flatten_json(body: bytes) -> dict[str, str]:
    try:
        return dict(_leaves("", json.loads(body or b"{}")))
    except ValueError:
        return {}


def _leaves(path: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(f"{path}.{key}" if path else str(key), item)
    elif isinstance(value, list):
        for index, item in enumerate(value, 1):
            yield from _leaves(f"{path}.{index}", item)
    else:
        yield path, str(value)


def _error_code(answer: bytes) -> str:
    match = re.search(rb"<Code>([^<]+)</Code>", answer) or re.search(rb'"__type":\s*"(?:[^"#]*#)?([^"]+)"', answer)
    return match[1].decode("utf-8", "replace") if match else "Unknown"
