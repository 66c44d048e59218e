"""The front-end's failures as edgewrap's errors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from xmlrpc.client import ProtocolError

from edgewrap.errors import (
    AuthenticationError,
    AuthorizationError,
    FrontEndUnreachableError,
    InUseError,
    OpenNebulaError,
)
from edgewrap.opennebula import remedies
from edgewrap.remedies import Remedy, find_remedy

_METHOD_PREFIX = re.compile(r"^\[one\.[\w.]+\] *")
_NOT_AUTHORIZED = re.compile(r"User \[(?P<user>\d+)\] : Not authorized to perform (?P<rights>.+)")
_RIGHT = re.compile(r"(USE|MANAGE|ADMIN|CREATE) ([A-Z]+(?: TEMPLATE)?)(?: \[(\d+)\])?")
_REFUSED = Remedy("", "the front-end refused the call", "see /var/log/one/oned.log on the front-end")


class NameTakenError(OpenNebulaError):
    """Someone else created an object of that name during this run. The plane reads the front-end again."""


class NoSuchObjectError(OpenNebulaError):
    """Someone else deleted the object during this run."""


_KINDS: Mapping[Remedy, type[OpenNebulaError]] = {
    remedies.UNKNOWN_USER: AuthenticationError,
    remedies.TOO_FEW_RIGHTS: AuthorizationError,
    remedies.GONE: NoSuchObjectError,
    remedies.NAME_TAKEN: NameTakenError,
    remedies.IN_USE: InUseError,
    remedies.LOCKED: InUseError,
    remedies.NOT_EMPTY: InUseError,
}


def translate(error: Exception, method: str, endpoint: str, user: str) -> OpenNebulaError:
    """Our error for one that pyone, requests or the XML parser raised in `method`."""
    import pyone

    text = _METHOD_PREFIX.sub("", str(error)) or "no reason given"
    remedy = find_remedy(remedies.REMEDIES, f"{type(error).__name__}: {text}")
    if not isinstance(error, pyone.OneException):
        return _unreached(error, remedy, method, endpoint)
    remedy = remedy or _REFUSED
    kind = _KINDS.get(remedy, OpenNebulaError)
    what = {
        AuthenticationError: f"the front-end does not accept the login of the user {user}",
        AuthorizationError: f"{user} may not do one.{method}: {text}",
        NoSuchObjectError: text,
        NameTakenError: text,
    }.get(kind, f"one.{method}: {text}")
    if remedy is remedies.NO_METHOD:
        what = f"the front-end does not know one.{method}"
    lacking = missing_rights(text) if remedy is remedies.TOO_FEW_RIGHTS else []
    if lacking:
        return kind(
            what,
            cause=f"the user {user} does not have the right {' and '.join(right for right, _ in lacking)}",
            advice=f"use a user of the group oneadmin, or grant it: {'; '.join(f'`{grant}`' for _, grant in lacking)}",
        )
    return kind(what, cause=remedy.cause, advice=remedy.advice)


def missing_rights(refusal: str) -> list[tuple[str, str]]:
    """The rights that a refusal of the front-end names, each with the command that grants it for all objects of its
    kind: otherwise the next new one would be refused. Empty if the refusal has another form."""
    rights: list[tuple[str, str]] = []
    found = _NOT_AUTHORIZED.search(refusal)
    if found is None:
        return rights
    for right, words, number in _RIGHT.findall(found["rights"]):
        kind = words.replace(" ", "")  # VN TEMPLATE is VNTEMPLATE in access control lists
        grant = f'oneacl create "#{found["user"]} {kind}/* {right}"'
        rights.append((f"{right} on {kind} {number}".rstrip(), grant))
    return rights


def _unreached(error: Exception, remedy: Remedy | None, method: str, endpoint: str) -> FrontEndUnreachableError:
    """No answer of a front-end: the cause has the original message."""
    import requests

    if isinstance(error, ProtocolError):
        what = f"{endpoint} answered with HTTP status {error.errcode}"
    elif remedy in (remedies.UNTRUSTED, remedies.OUT_OF_DATE, remedies.OTHER_CERTIFICATE):
        what = f"{endpoint}: its certificate is not trusted"
    elif isinstance(error, requests.Timeout):
        what = f"{endpoint} did not answer in time"
    elif isinstance(error, requests.RequestException):
        what = f"{endpoint} is not reachable"
    else:
        what = f"{endpoint} did not answer one.{method} in XML-RPC"
    remedy = remedy or remedies.NO_XML_RPC
    cause = f"{remedy.cause} ({type(error).__name__}: {error})"
    return FrontEndUnreachableError(what, cause=cause, advice=remedy.advice)
