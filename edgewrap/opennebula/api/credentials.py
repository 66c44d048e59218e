"""The front-end's address and the login: from the spec, ONE_XMLRPC, ONE_AUTH and ~/.one/one_auth."""

from __future__ import annotations

import os.path
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edgewrap.errors import AuthenticationError, FrontEndUnreachableError
from edgewrap.limits import read_file
from edgewrap.paths import is_file
from edgewrap.secrets import remember_login
from edgewrap.spec.models import Spec

DEFAULT_FILE = "~/.one/one_auth"
MOST_BYTES = 1 << 20
_NOT_ONE_LINE = re.compile("[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff\ufffe\uffff]")  # including what XML-RPC cannot carry


@dataclass(frozen=True, slots=True)
class Session:
    """One user's login. `secret` is `user:password` as the front-end expects it; it is never shown."""

    secret: str = field(repr=False)

    @property
    def user(self) -> str:
        """The user's name."""
        return self.secret.partition(":")[0]


def endpoint(spec: Spec, environ: Mapping[str, str]) -> str:
    """The XML-RPC address: the spec's, else ONE_XMLRPC. Raises FrontEndUnreachableError if there is none."""
    address = spec.opennebula.endpoint or environ.get("ONE_XMLRPC", "")
    if address.startswith(("http://", "https://")):
        return address
    what, cause = f"{address} is not an XML-RPC endpoint", "the address does not begin with http:// or https://"
    if not address:
        what = "no OpenNebula front-end is set"
        cause = "neither the spec's opennebula.endpoint nor ONE_XMLRPC is set"
    raise FrontEndUnreachableError(what, cause=cause, advice="set opennebula.endpoint, e.g. http://frontend:2633/RPC2")


def session(environ: Mapping[str, str]) -> Session:
    """The login: ONE_AUTH (the path of a file, or `user:password` itself), else ~/.one/one_auth.

    Raises AuthenticationError if there is none, or if the file cannot be read or holds something else. The text of
    ONE_AUTH is shown only if it is the path of something that exists: anything else may be a password.
    """
    named = environ.get("ONE_AUTH", "")
    path = _expanded(named or DEFAULT_FILE, environ)
    if ":" in named and not is_file(path):
        return _login(named.rstrip("\r\n"), "ONE_AUTH", "its text is not the path of a file, and not one line of text")
    text, reason = _content(path)
    if text is not None:
        return _login(text.strip(), str(path), "the file does not hold one line of the form user:password")
    what, why = f"no OpenNebula login: {path} cannot be read", "ONE_AUTH is not set, so this file is the default"
    if named and os.path.lexists(path):
        why = "ONE_AUTH names it"
    elif named:
        what = "no OpenNebula login: ONE_AUTH names no file that can be read"
        why = "the value is not shown because it may be a password"
    raise AuthenticationError(
        what,
        cause=f"{reason}; {why}",
        advice="set ONE_AUTH to the path of a file that holds `user:password`, or to user:password itself",
    )


def _expanded(text: str, environ: Mapping[str, str]) -> Path:
    home, _, rest = text.partition("/")
    return Path(environ.get("HOME", "/"), rest.lstrip("/")) if home == "~" else Path(text)


def _content(path: Path) -> tuple[str | None, str]:
    """The text of a file, or None and the reason. The error itself is dropped: it has the path in it."""
    try:
        return read_file(path, MOST_BYTES).decode(), ""
    except OSError as error:
        return None, error.strerror or "it cannot be opened"
    except UnicodeDecodeError:
        return None, "it is not text"
    except ValueError:  # a NUL in the path
        return None, "it is not a path"


def _login(text: str, place: str, otherwise: str) -> Session:
    """The login in `place`; `otherwise` is the cause if something else is in it."""
    if ":" not in text or _NOT_ONE_LINE.search(text):
        raise AuthenticationError(
            f"no OpenNebula login in {place}",
            cause=otherwise,
            advice="write `user:password` into it, one line without control characters",
        )
    remember_login(text)
    return Session(text)
