"""The lab's own API: the snapshot, the call log, the limits, and state changes that AWS makes by itself.

GET  /_lab/cloud?after=N&timeout=S   the snapshot, once its serial is higher than N, at the latest after S seconds
GET  /_lab/requests?after=N          the AWS API calls with a higher serial, a JSON list
GET  /_lab/quotas, capacity, metal   the limits in force
PUT  /_lab/quotas, capacity, metal   sets the given fields, returns all of them
POST /_lab/instances/ID              {"state": "stopped" | "terminated" | "running"}: without an AWS call;
                                     {"impaired": true}: its status checks fail from now on
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any, TypeVar

from moto.core.exceptions import ServiceException
from moto.ec2.models.instances import Instance
from pydantic import BaseModel, TypeAdapter, ValidationError
from werkzeug.exceptions import BadRequest, HTTPException, NotFound
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from edgewrap.lab.aws.backends import used_backends
from edgewrap.lab.aws.calls import ApiCall, CallLog
from edgewrap.lab.aws.limits import LIMITS
from edgewrap.lab.aws.snapshot import SnapshotFeed

LONGEST_POLL_S = 60.0

_Limit = TypeVar("_Limit", bound=BaseModel)
_CALLS = TypeAdapter(tuple[ApiCall, ...])
_ROUTES = Map(
    [
        Rule("/_lab/cloud", endpoint="cloud", methods=["GET"]),
        Rule("/_lab/requests", endpoint="requests", methods=["GET"]),
        Rule("/_lab/quotas", endpoint="quotas", methods=["GET", "PUT"]),
        Rule("/_lab/capacity", endpoint="capacity", methods=["GET", "PUT"]),
        Rule("/_lab/metal", endpoint="metal", methods=["GET", "PUT"]),
        Rule("/_lab/instances/<instance_id>", endpoint="instance", methods=["POST"]),
    ]
)


class LabApi:
    """A WSGI application. `turn` is held while something changes, as it is for AWS API calls."""

    def __init__(self, snapshots: SnapshotFeed, calls: CallLog, turn: threading.RLock) -> None:
        self._snapshots = snapshots
        self._calls = calls
        self._turn = turn

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        request = Request(environ)
        try:
            endpoint, arguments = _ROUTES.bind_to_environ(environ).match()
            text = getattr(self, f"_{endpoint}")(request, **arguments)
            response = Response(text, mimetype="application/json")
        except HTTPException as error:
            response = Response(f"{error.name}: {error.description}\n", status=error.code, mimetype="text/plain")
        return response(environ, start_response)

    def _cloud(self, request: Request) -> str:
        timeout_s = min(_number(request, "timeout"), LONGEST_POLL_S)
        return self._snapshots.wait(int(_number(request, "after")), timeout_s).model_dump_json()

    def _requests(self, request: Request) -> str:
        return _CALLS.dump_json(self._calls.after(int(_number(request, "after")))).decode()

    def _quotas(self, request: Request) -> str:
        with self._turn:
            LIMITS.quotas = _changed(request, LIMITS.quotas)
            return LIMITS.quotas.model_dump_json()

    def _capacity(self, request: Request) -> str:
        with self._turn:
            LIMITS.capacity = _changed(request, LIMITS.capacity)
            return LIMITS.capacity.model_dump_json()

    def _metal(self, request: Request) -> str:
        with self._turn:
            LIMITS.metal = _changed(request, LIMITS.metal)
            return LIMITS.metal.model_dump_json()

    def _instance(self, request: Request, instance_id: str) -> str:
        given = request.get_json(silent=True) or {}
        wanted = str(given.get("state"))
        with self._turn:
            instance = _find_instance(instance_id)
            if "impaired" in given:
                instance.__dict__["impaired"] = given["impaired"] is True
                return "{}"
            act = {"stopped": instance.stop, "terminated": instance.terminate, "running": instance.start}.get(wanted)
            if act is None:
                raise BadRequest('the body must be the state: {"state": "stopped"}, "terminated" or "running"')
            try:
                act()
            except ServiceException as refusal:
                raise BadRequest(str(refusal)) from refusal
            self._snapshots.refresh()
        return "{}"


def _number(request: Request, name: str) -> float:
    try:
        return float(request.args.get(name, "0"))
    except ValueError as error:
        raise BadRequest(f"{name} is a number") from error


def _changed(request: Request, limit: _Limit) -> _Limit:
    if request.method == "GET":
        return limit
    try:
        given = TypeAdapter(dict[str, Any]).validate_json(request.get_data())
        return type(limit).model_validate({**limit.model_dump(), **given})
    except ValidationError as error:
        raise BadRequest(str(error)) from error


def _find_instance(instance_id: str) -> Instance:
    for backend in used_backends():
        instance = backend.get_instance_by_id(instance_id)
        if instance is not None:
            return instance
    raise NotFound(f"no instance {instance_id}")
