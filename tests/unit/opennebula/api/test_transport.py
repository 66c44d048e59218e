"""Every answer over HTTP has limits of time and size, whatever the server sends."""

from __future__ import annotations

import time

import pytest

from edgewrap.errors import FrontEndUnreachableError
from edgewrap.opennebula.api import transport
from edgewrap.opennebula.api.client import FrontEnd
from edgewrap.opennebula.api.credentials import Session
from edgewrap.opennebula.api.transport import HttpWire
from tests.support.odd_servers import ANSWERS, odd_server

ENDLESS = ("silence", "drip", "endless 100")


@pytest.mark.parametrize("answer", ANSWERS)
def test_an_odd_server_is_an_error_in_time(answer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "MOST_BYTES", 4 << 20)
    slow = any(word in answer for word in ENDLESS)
    with odd_server(answer) as url:
        one = FrontEnd(url, Session("a:b"), wire=HttpWire(url, timeout_s=0.5 if slow else 20))
        begun = time.monotonic()
        with pytest.raises(FrontEndUnreachableError) as raised:
            one.call("system.version")
        assert time.monotonic() - begun < 15
    assert ("did not answer in time" in raised.value.what) is slow


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        ("an endless body", "TooLargeError: it has more than 4 MiB"),
        ("a bomb", "ContentDecodingError: it is compressed, which was not asked for"),
        ("a page", "ResponseError"),
    ],
)
def test_the_cause_names_what_is_wrong(answer: str, cause: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "MOST_BYTES", 4 << 20)
    with odd_server(answer) as url, pytest.raises(FrontEndUnreachableError) as raised:
        FrontEnd(url, Session("a:b"), wire=HttpWire(url, timeout_s=20)).call("system.version")
    assert cause in raised.value.cause
