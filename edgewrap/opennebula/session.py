"""Where the front-end is and who we are there: from the spec, ONE_XMLRPC, ONE_AUTH and ~/.one/one_auth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edgewrap.errors import AuthenticationError, FrontEndUnreachableError
from edgewrap.spec.models import Spec


@dataclass(frozen=True, slots=True)
class Session:
    """One user's login. `secret` is `user:password` as the front-end wants it; it is never shown."""

    secret: str = field(repr=False)

    @property
    def user(self) -> str:
        """The user's name."""
        return self.secret.partition(":")[0]


def endpoint(spec: Spec, environ: Mapping[str, str]) -> str:
    """The XML-RPC address: the spec's, else ONE_XMLRPC. Raises FrontEndUnreachableError where there is none."""
    address = spec.opennebula.endpoint or environ.get("ONE_XMLRPC", "")
    if not address:
        raise FrontEndUnreachableError(
            "no OpenNebula front-end is named",
            cause="neither the spec's opennebula.endpoint nor ONE_XMLRPC says where it is",
            advice="set opennebula.endpoint, e.g. http://frontend:2633/RPC2",
        )
    if not address.startswith(("http://", "https://")):
        raise FrontEndUnreachableError(
            f"{address} is no XML-RPC endpoint",
            cause="the address does not begin with http:// or https://",
            advice="set opennebula.endpoint, e.g. http://frontend:2633/RPC2",
        )
    return address


def session(environ: Mapping[str, str]) -> Session:
    """The login: ONE_AUTH (the path of a file, or `user:password` itself), else ~/.one/one_auth.

    Raises AuthenticationError where there is none, or where the file cannot be read or holds something else.
    """
    named = environ.get("ONE_AUTH", "")
    path = Path(named or "~/.one/one_auth")
    if path.parts[0] == "~":
        path = Path(environ.get("HOME", "/"), *path.parts[1:])
    if not path.is_file() and ":" in named:
        return Session(named)
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise AuthenticationError(
            f"no OpenNebula login: {path} cannot be read",
            cause=f"{reason}; {'ONE_AUTH names it' if named else 'ONE_AUTH is not set, so the default is taken'}",
            advice="write `user:password` into that file, or set ONE_AUTH to another file or to user:password",
        ) from error
    if ":" not in secret or "\n" in secret:
        raise AuthenticationError(
            f"no OpenNebula login in {path}",
            cause="the file does not hold one line of the form user:password",
            advice="write `user:password` into it",
        )
    return Session(secret)
