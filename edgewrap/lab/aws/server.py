"""The WSGI server: AWS's API from moto, and the lab's own API below `/_lab/`."""

from __future__ import annotations

import html
import io
import json
import threading
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import BaseWSGIServer, make_server
from werkzeug.test import run_wsgi_app

from edgewrap.lab.aws import patches
from edgewrap.lab.aws.api import LabApi
from edgewrap.lab.aws.calls import CallLog
from edgewrap.lab.aws.idempotent_replay import Answer, IdempotentReplay
from edgewrap.lab.aws.later import LATER
from edgewrap.lab.aws.snapshot import SnapshotFeed
from edgewrap.lab.aws.state_bucket import make_state_bucket

ADDRESS = "127.0.0.1"
"""The only address that the lab's AWS ever listens on."""


class LabApplication:
    """Serves one API call at a time: moto's backends are not thread-safe, and a call takes milliseconds.

    After a call that may have changed something, a new snapshot is taken before the response is sent: whoever reads the
    snapshot after the response sees the change.
    """

    def __init__(self, directory: Path) -> None:
        patches.apply()
        make_state_bucket()
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._turn = threading.RLock()
        self._calls = CallLog(directory / "requests.ndjson")
        self._snapshots = SnapshotFeed()
        LATER.turn, LATER.done = self._turn, self._snapshots.refresh
        self._replay = IdempotentReplay()
        self._api = LabApi(self._snapshots, self._calls, self._turn)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"].startswith("/_lab/"):
            return self._api(environ, start_response)
        body = _read_body(environ)
        environ["wsgi.input"] = io.BytesIO(body)
        with self._turn:
            answer = self._replay.find(environ, body)
            if answer is None:
                answer = self._ask_moto(environ)
                call = self._calls.add(environ, body, int(answer.status.split(" ", 1)[0]), answer.body)
                if not call.reads:
                    self._replay.keep(environ, body, answer)
                    self._snapshots.refresh()
        start_response(answer.status, answer.headers)
        return [answer.body]

    def _ask_moto(self, environ: dict[str, Any]) -> Answer:
        try:
            chunks, status, headers = run_wsgi_app(self._moto, environ, buffered=True)
        except NotImplementedError as error:
            return _failure(
                environ, "400 Bad Request", "UnsupportedOperation", f"the lab's AWS cannot do this: {error}"
            )
        except Exception as error:
            traceback.print_exc()
            return _failure(environ, "500 Internal Server Error", "InternalError", f"the lab's AWS failed: {error!r}")
        return Answer(b"".join(chunks), status, headers.to_wsgi_list())


def _failure(environ: dict[str, Any], status: str, code: str, message: str) -> Answer:
    """An error that AWS's clients can read; moto would return an HTML page."""
    if "HTTP_X_AMZ_TARGET" in environ:
        text, kind = json.dumps({"__type": code, "message": message}), "application/x-amz-json-1.1"
    else:
        error = f"<Error><Code>{code}</Code><Message>{html.escape(message)}</Message></Error>"
        text, kind = f"<Response><Errors>{error}</Errors><RequestID>lab</RequestID></Response>", "text/xml"
    answer = text.encode()
    return Answer(answer, status, [("Content-Type", kind), ("Content-Length", str(len(answer)))])


def _read_body(environ: dict[str, Any]) -> bytes:
    stream = environ["wsgi.input"]
    if environ.get("wsgi.input_terminated"):
        return bytes(stream.read())
    return bytes(stream.read(int(environ.get("CONTENT_LENGTH") or 0)))


class QuietHandler(MotoRequestHandler):
    """Log nothing: the call log replaces werkzeug's line on stderr for each request."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


def listen(port: int, directory: Path) -> BaseWSGIServer:
    """A listening server (port 0: a free one), which answers once `serve_forever` runs."""
    application = LabApplication(directory)
    return make_server(ADDRESS, port, application, threaded=True, request_handler=QuietHandler)
