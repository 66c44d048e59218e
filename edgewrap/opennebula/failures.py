"""What the front-end's failures mean in our tree of errors.

By class and by text together: 7.4 answers a duplicate name with another code than 7.0, and pyone throws the codes
it has no class for away.
"""

from __future__ import annotations

import re

from edgewrap.errors import (
    AuthenticationError,
    AuthorizationError,
    FrontEndUnreachableError,
    InUseError,
    OpenNebulaError,
)

_NAME_TAKEN = re.compile(r"NAME is already taken by|because it collides with")
_IN_USE = re.compile(r"leases in use|running VMs|is not empty|currently running")
_GONE = re.compile(r"Address Range does not exist|Address Range with ID \d+ was not found")
_NO_METHOD = re.compile(r"Fault -506:")
_METHOD_PREFIX = re.compile(r"^\[one\.[\w.]+\] *")


class NameTakenError(OpenNebulaError):
    """Somebody else made an object of that name since we looked. The plane looks again."""


class NoSuchObjectError(OpenNebulaError):
    """The object went since we looked."""


def translate(error: Exception, method: str, endpoint: str, user: str) -> OpenNebulaError:
    """Our error for one that pyone, requests or the XML parser raised in `method`."""
    from xmlrpc import client as xmlrpc

    import pyone
    import requests

    text = _METHOD_PREFIX.sub("", str(error)) or "no reason given"
    if isinstance(error, requests.RequestException):
        return _unreachable(error, endpoint)
    if isinstance(error, xmlrpc.ProtocolError):
        return FrontEndUnreachableError(
            f"{endpoint} answered with HTTP status {error.errcode}",
            cause="something else than oned's XML-RPC server answers there, or a proxy before it fails",
            advice="see to it that opennebula.endpoint ends in /RPC2 and that oned runs",
        )
    if isinstance(error, pyone.OneAuthenticationException):
        return AuthenticationError(
            f"the front-end does not know the user {user}",
            cause=f"wrong name or password for {endpoint}",
            advice="see to it that ONE_AUTH (or ~/.one/one_auth) holds the right user:password",
        )
    if isinstance(error, pyone.OneAuthorizationException):
        return AuthorizationError(
            f"{user} may not do one.{method}: {text}",
            cause="the user has too few rights on the front-end",
            advice="use a user of the group oneadmin, or grant the right with `oneacl create`",
        )
    if not isinstance(error, pyone.OneException):
        return FrontEndUnreachableError(
            f"{endpoint} did not answer one.{method} in XML-RPC",
            cause=f"{type(error).__name__}: {error}",
            advice="see to it that opennebula.endpoint is the address of oned, e.g. http://frontend:2633/RPC2",
        )
    if isinstance(error, pyone.OneNoExistsException) or _GONE.search(text):
        return NoSuchObjectError(text, cause="somebody took it away meanwhile", advice="run again")
    if _NAME_TAKEN.search(text):
        return NameTakenError(text, cause="somebody made it meanwhile", advice="run again")
    if _IN_USE.search(text):
        return InUseError(
            f"one.{method}: {text}", cause="a VM uses it", advice="take the VM away or move it, then run again"
        )
    if _NO_METHOD.search(text):
        return OpenNebulaError(
            f"the front-end does not know one.{method}",
            cause="its version is older than 6.10, or this is no OpenNebula front-end",
            advice="use an OpenNebula of version 6.10 to 7.4",
        )
    return OpenNebulaError(
        f"one.{method}: {text}",
        cause="the front-end refused the call",
        advice="/var/log/one/oned.log on the front-end says more",
    )


def _unreachable(error: Exception, endpoint: str) -> FrontEndUnreachableError:
    import requests

    if isinstance(error, requests.exceptions.SSLError):
        return FrontEndUnreachableError(
            f"{endpoint}: its certificate is not trusted",
            cause=f"{error}",
            advice="set opennebula.ca_file to the file of the authority that signed it",
        )
    if isinstance(error, requests.Timeout):
        return FrontEndUnreachableError(
            f"{endpoint} did not answer in time",
            cause="a firewall drops the packets, or the front-end is overloaded",
            advice="see to it that this machine reaches the front-end's port, then run again",
        )
    return FrontEndUnreachableError(
        f"{endpoint} is not reachable",
        cause=f"{error}",
        advice="see to it that oned runs there and that opennebula.endpoint (or ONE_XMLRPC) is right",
    )
