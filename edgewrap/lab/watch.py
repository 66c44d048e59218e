"""Follow the lab's AWS: its snapshot, as soon as it changes."""

from __future__ import annotations

import asyncio
import http.client
import sys
from collections.abc import AsyncIterator

from edgewrap.lab.cloud import Cloud

ADDRESS = "127.0.0.1"
_POLL_S = 30
_MARGIN_S = 10
_RETRY_S = 0.5


async def snapshots(port: int) -> AsyncIterator[Cloud]:
    """Every new snapshot of the lab's AWS, at once; continues if the AWS process does not answer for a while."""
    serial, complaint = -1, ""
    while True:
        try:
            cloud = await asyncio.to_thread(_poll, port, serial)
        except (OSError, http.client.HTTPException, ValueError) as error:
            if complaint != str(error):
                complaint = str(error)
                print(f"the snapshot of AWS: {complaint}", file=sys.stderr)
            await asyncio.sleep(_RETRY_S)
            continue
        if cloud.serial != serial:
            serial = cloud.serial
            yield cloud


def _poll(port: int, after: int) -> Cloud:
    connection = http.client.HTTPConnection(ADDRESS, port, timeout=_POLL_S + _MARGIN_S)
    try:
        connection.request("GET", f"/_lab/cloud?after={after}&timeout={_POLL_S}")
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != http.client.OK:
            raise http.client.HTTPException(f"status {answer.status}: {body[:200]!r}")
        return Cloud.model_validate_json(body)
    finally:
        connection.close()
