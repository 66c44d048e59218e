"""A client of the lab's AWS (snapshot, call log, limits), and its server process."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from http.client import HTTPException
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from pydantic import BaseModel, TypeAdapter

from edgewrap.errors import LabError
from edgewrap.lab.aws.calls import ApiCall
from edgewrap.lab.aws.limits import Capacity, Metal, Quotas, Shortage
from edgewrap.lab.cloud import Cloud

_Limit = TypeVar("_Limit", bound=BaseModel)
_CALLS = TypeAdapter(tuple[ApiCall, ...])
_ANSWER_S = 10.0


class LabAwsClient:
    """A client of the lab's own API at `endpoint` (`http://127.0.0.1:PORT`). Every method raises LabError."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint

    def cloud(self, after: int = 0, timeout_s: float = 0.0) -> Cloud:
        """The snapshot, once its serial is higher than `after`, at the latest after the timeout (60 s at most)."""
        path = f"cloud?after={after}&timeout={timeout_s}"
        return Cloud.model_validate_json(self._ask("GET", path, wait_s=timeout_s))

    def calls(self, after: int = 0) -> tuple[ApiCall, ...]:
        """The AWS API calls with a higher serial."""
        return _CALLS.validate_json(self._ask("GET", f"requests?after={after}"))

    def quotas(self) -> Quotas:
        return Quotas.model_validate_json(self._ask("GET", "quotas"))

    def set_quotas(self, **changes: int) -> Quotas:
        """Set these quotas, such as `elastic_ips=64`."""
        return Quotas.model_validate_json(self._ask("PUT", "quotas", changes))

    def set_missing_capacity(self, *missing: Shortage) -> None:
        """From now on AWS lacks capacity for exactly these."""
        self._ask("PUT", "capacity", Capacity(missing=missing).model_dump())

    def set_metal(self, **changes: float) -> Metal:
        """Set how slow instances are, such as `stop_s=8`."""
        return Metal.model_validate_json(self._ask("PUT", "metal", changes))

    def set_impaired(self, instance_id: str, *, impaired: bool = True) -> None:
        """From now on the instance's status checks fail, or no longer."""
        self._ask("POST", f"instances/{instance_id}", {"impaired": impaired})

    def set_instance_state(self, instance_id: str, state: str) -> None:
        """Set the state as AWS itself would, without an API call: `stopped`, `terminated` or `running`."""
        self._ask("POST", f"instances/{instance_id}", {"state": state})

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None, wait_s: float = 0.0) -> bytes:
        request = Request(  # noqa: S310 (the scheme is ours)
            f"{self.endpoint}/_lab/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            with urlopen(request, timeout=wait_s + _ANSWER_S) as answer:  # noqa: S310
                return bytes(answer.read())
        except HTTPError as error:
            raise LabError(
                f"the lab's AWS refused {method} {path}: {error.read().decode(errors='replace').strip()}",
                cause="the request is not valid",
                advice="docs/lab-aws.md lists its API",
            ) from error
        except (URLError, OSError, HTTPException) as error:
            raise LabError(
                f"the lab's AWS at {self.endpoint} does not answer: {error}",
                cause="its process has ended, or did not start",
                advice="see `edgewrap lab status`; start the lab again with `edgewrap lab up`",
            ) from error


class LabAwsProcess:
    """The server process, as a context manager; it ends with the process that started it."""

    def __init__(self, directory: Path, *, port: int = 0, arguments: Sequence[str] = ()) -> None:
        command = [sys.executable, "-m", "edgewrap.lab.aws", "--port", str(port), "--directory", str(directory)]
        self._process = subprocess.Popen(
            [*command, "--die-with-parent", *arguments], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_ready(self) -> LabAwsClient:
        """Wait for the line with its endpoint."""
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            raise LabError(
                f"the lab's AWS ended while it started (exit code {self._process.wait()})",
                cause="its port is in use, or moto is not installed",
                advice="see its message on stderr; the lab needs `pip install edgewrap[lab]`",
            )
        return LabAwsClient(json.loads(line)["endpoint"])

    def stop(self) -> int:
        """End it with SIGTERM, after 5 s with SIGKILL; returns the exit code."""
        self._process.terminate()
        try:
            return self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()
        finally:
            if self._process.stdout:
                self._process.stdout.close()

    def __enter__(self) -> LabAwsClient:
        try:
            return self.wait_ready()
        except LabError:
            self.stop()
            raise

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self.stop()
