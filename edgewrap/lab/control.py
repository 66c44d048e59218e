"""The daemon's socket: one JSON object per line, a request and its response.

A request is `{"do": NAME, …arguments}`; a response is `{"result": …}` or `{"error": {"what", "cause", "advice"}}`. The
socket is opened through its directory's descriptor, because a socket's path is limited to 107 characters.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import traceback
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from edgewrap.errors import EdgewrapError, LabError
from edgewrap.lab.directory import LabDirectory, not_running

Handler = Callable[..., Awaitable[Any]]


def ask(directory: LabDirectory, what: str, *, timeout_s: float = 120.0, **arguments: Any) -> Any:
    """Send a request to the daemon and wait for its response. Raises LabError: the daemon's, or that no lab is
    running."""
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as connection:
        connection.settimeout(timeout_s)
        try:
            with _short_path(directory.control) as path:
                connection.connect(path)
            connection.sendall(json.dumps({"do": what, **arguments}).encode() + b"\n")
            with connection.makefile("rb") as answers:
                line = answers.readline()
        except TimeoutError as error:
            raise LabError(
                f"the lab {directory.name!r} did not answer within {timeout_s:.0f} s",
                cause="its daemon is busy or hangs",
                advice=f"see its log, {directory.log}; `edgewrap lab down` stops it in any case",
            ) from error
        except OSError as error:
            raise not_running(directory) from error
    if not line:
        raise not_running(directory)
    answer = json.loads(line)
    if "error" in answer:
        raise LabError(answer["error"]["what"], cause=answer["error"]["cause"], advice=answer["error"]["advice"])
    return answer["result"]


async def serve(directory: LabDirectory, handlers: Mapping[str, Handler]) -> asyncio.Server:
    """Answer requests with the handlers until the server is closed. The socket exists once it answers."""
    new = directory.control.with_suffix(".new")
    listener = socket.socket(socket.AF_UNIX)
    with _short_path(new) as path:
        listener.bind(path)
    new.chmod(0o600)

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while line := await reader.readline():
                writer.write(json.dumps(await _answer(handlers, line)).encode() + b"\n")
                await writer.drain()
        writer.close()

    server = await asyncio.start_unix_server(converse, sock=listener)
    new.replace(directory.control)
    return server


async def _answer(handlers: Mapping[str, Handler], line: bytes) -> dict[str, Any]:
    try:
        arguments = json.loads(line)
        wanted = arguments.pop("do")
        if wanted not in handlers:
            return _error(f"this lab has no {wanted!r}", "it runs without hosts", "see `edgewrap lab status`")
        return {"result": await handlers[wanted](**arguments)}
    except EdgewrapError as error:
        return _error(error.what, error.cause, error.advice)
    except Exception as error:  # report any error to the client; the daemon must not end
        traceback.print_exc()
        return _error(f"the lab's daemon failed: {error!r}", "a bug in the lab", "the log has the traceback")


def _error(what: str, cause: str, advice: str) -> dict[str, Any]:
    return {"error": {"what": what, "cause": cause, "advice": advice}}


@contextlib.contextmanager
def _short_path(path: Path) -> Iterator[str]:
    descriptor = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{path.name}"
    finally:
        os.close(descriptor)
