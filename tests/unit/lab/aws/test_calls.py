"""The call log, from WSGI environments as clients make them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from edgewrap.lab.aws.calls import CallLog

SIGNED = (
    "AWS4-HMAC-SHA256 Credential=AKIALAB/20260101/eu-west-3/{service}/aws4_request, SignedHeaders=host, Signature=5ec"
)
FORM = "application/x-www-form-urlencoded; charset=utf-8"


def environ(service: str, method: str = "POST", **more: str) -> dict[str, Any]:
    return {
        "REQUEST_METHOD": method,
        "PATH_INFO": "/",
        "QUERY_STRING": "",
        "HTTP_AUTHORIZATION": SIGNED.format(service=service),
        **more,
    }


@pytest.mark.parametrize(
    ("request_environ", "body", "service", "action", "parameters", "reads"),
    [
        (
            environ("ec2", CONTENT_TYPE=FORM),
            b"Action=AllocateAddress&Version=2016-11-15&Domain=vpc&TagSpecification.1.Tag.1.Value=%C3%A9+%26",
            "ec2",
            "AllocateAddress",
            {"Domain": "vpc", "TagSpecification.1.Tag.1.Value": "é &"},
            False,
        ),
        (environ("sts", CONTENT_TYPE=FORM), b"Action=GetCallerIdentity", "sts", "GetCallerIdentity", {}, True),
        (
            environ("servicequotas", HTTP_X_AMZ_TARGET="ServiceQuotasV20190624.GetServiceQuota"),
            b'{"ServiceCode": "ec2", "List": [{"Key": 1}, 2]}',
            "servicequotas",
            "GetServiceQuota",
            {"ServiceCode": "ec2", "List.1.Key": "1", "List.2": "2"},
            True,
        ),
        (
            environ("servicequotas", HTTP_X_AMZ_TARGET="ServiceQuotasV20190624.GetServiceQuota"),
            b"no JSON",
            "servicequotas",
            "GetServiceQuota",
            {},
            True,
        ),
        (
            environ("s3", "PUT", PATH_INFO="/state/key", QUERY_STRING="x-id=PutObject&partNumber=1"),
            b"the state, with its secrets",
            "s3",
            "PutObject",
            {"path": "/state/key", "partNumber": "1"},
            False,
        ),
        (environ("s3", "HEAD", PATH_INFO="/state"), b"", "s3", "HEAD", {"path": "/state"}, True),
        (
            {
                "REQUEST_METHOD": "GET",
                "PATH_INFO": "/state/key",
                "QUERY_STRING": f"X-Amz-{quote(SIGNED.format(service='s3').split()[1], safe='=')}&X-Amz-Signature=5ec",
            },
            b"",
            "s3",
            "GET",
            {"path": "/state/key"},
            True,
        ),
        ({"REQUEST_METHOD": "GET", "PATH_INFO": "/", "QUERY_STRING": ""}, b"", "", "GET", {"path": "/"}, True),
    ],
)
def test_a_call_is_recorded(
    tmp_path: Path,
    request_environ: dict[str, Any],
    body: bytes,
    service: str,
    action: str,
    parameters: dict[str, str],
    reads: bool,
) -> None:
    file = tmp_path / "calls"
    call = CallLog(file).add(request_environ, body, 200, b"")
    assert (call.service, call.action, call.parameters, call.reads) == (service, action, parameters, reads)
    assert json.loads(file.read_text()) == call.model_dump()
    for secret in ("AKIALAB", "5ec", "its secrets"):
        assert secret not in file.read_text()


@pytest.mark.parametrize(
    ("status", "answer", "error"),
    [
        (200, b"<Code>ok</Code>", ""),
        (400, b"<Errors><Error><Code>VpcLimitExceeded</Code></Error></Errors>", "VpcLimitExceeded"),
        (400, b'{"__type": "com.amazonaws#NoSuchResourceException"}', "NoSuchResourceException"),
        (404, b"", "Unknown"),
    ],
)
def test_the_error_code_is_kept(tmp_path: Path, status: int, answer: bytes, error: str) -> None:
    assert CallLog(tmp_path / "calls").add(environ("ec2"), b"", status, answer).error == error


def test_memory_is_bounded_and_the_file_has_all_calls(tmp_path: Path) -> None:
    log = CallLog(tmp_path / "calls", kept=5)
    for _ in range(8):
        log.add(environ("ec2"), b"", 200, b"")
    assert [call.serial for call in log.after(0)] == [4, 5, 6, 7, 8]
    assert [call.serial for call in log.after(6)] == [7, 8]
    assert len((tmp_path / "calls").read_text().splitlines()) == 8
