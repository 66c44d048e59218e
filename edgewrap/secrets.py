"""The secrets of this run, and `redact`, which hides them. Whatever is shown or logged passes it (`safe_text.py`).

A secret is a value that `${env:NAME}` filled into a spec, OpenNebula's login, a variable whose name says so (AWS's
secret key and session token, an API token, a password), and the login and the query of a URL in the environment. It is
hidden in the spellings that programs give it: quoted for a URL, JSON, XML, Python or a shell, or in base64. Logins and
queries of all URLs, and private keys, are hidden without being known.

A secret that is short or a plain word is also a part of ordinary texts. With fewer than 8 characters, or fewer than 12
and only letters, it is hidden if it is a word of its own; with fewer than 4, only if it is in quotes or the whole text.
"""

from __future__ import annotations

import os.path
import re
import threading
from base64 import b64encode
from collections.abc import Iterator, Mapping
from functools import lru_cache
from json import dumps
from pathlib import Path
from urllib.parse import quote, quote_plus, unquote, unquote_plus

from edgewrap.paths import is_file

HIDDEN = "***"
STRONG, WORD = 8, 4  # characters from which a secret is hidden anywhere, or as a word of its own
STRONG_LETTERS = 12  # the same for one of letters only

_NAMED_SECRET = re.compile(
    r"(?:SECRETS?|TOKEN|PASSWORD|PASSWD|PASSPHRASE|PASS|_PWD|_PAT|JWT|API_?KEY|(?:ACCESS|SECRET|PRIVATE|SIGNING)_KEY|"
    r"CREDENTIALS)(?:_\d+)?$|^TF_TOKEN_",
    re.IGNORECASE,
)
_URL_VARIABLE = re.compile(r"ONE_XMLRPC|AWS_ENDPOINT_URL\w*|\w+_PROXY", re.IGNORECASE)
_UNKNOWN = (
    (re.compile(r"""(?<=://)[^/\s'"<>]{1,500}(?=@)"""), HIDDEN),
    (re.compile(r"""(://[^\s?'"<>]{1,500}\?)[^\s'"<>]+"""), rf"\1{HIDDEN}"),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY.*?(?:END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL), HIDDEN),
)
"""What is hidden without being known, and what is shown in its place."""

_guard = threading.Lock()
_known: frozenset[str] = frozenset()


def remember(*secrets: str) -> None:
    """Hide these from now on."""
    global _known
    with _guard:
        _known |= {secret for secret in secrets if secret}


def remember_login(login: str) -> None:
    """Hide `user:password`, and the password alone."""
    remember(login, login.partition(":")[2])


def remember_environment(environ: Mapping[str, str]) -> None:
    """Hide the secrets in the environment of a run."""
    for name, text in environ.items():
        value = text.strip()
        if _NAMED_SECRET.search(name):
            remember(value)
        if _URL_VARIABLE.fullmatch(name):
            _remember_url(value)
    named = environ.get("ONE_AUTH", "")
    if ":" in named and not is_file(Path(named)):
        remember_login(named)
    elif not named.startswith("~/") and not os.path.lexists(named):  # no file, so it may be a password
        remember(named)


def forget_all() -> None:
    """Start as a new process does."""
    global _known
    _known = frozenset()


def redact(text: str) -> str:
    """The text without secrets."""
    hidden = _pattern(_known).sub(HIDDEN, text) if _known else text
    for pattern, instead in _UNKNOWN:
        hidden = pattern.sub(instead, hidden)
    return hidden


def _remember_url(url: str) -> None:
    login, _, rest = url.partition("://")[2].rpartition("@")
    query = rest.partition("?")[2]
    for words in (login, unquote(login)):
        remember_login(words)
    remember(query, *(unquote_plus(part.partition("=")[2]) for part in query.split("&")))


@lru_cache(maxsize=1)
def _pattern(known: frozenset[str]) -> re.Pattern[str]:
    """What matches all spellings of these secrets, where they are hidden."""
    parts = {part for secret in known for part in _parts(secret) if part}
    spellings = {(spelling, _is_strong(part)) for part in parts for spelling in _spellings(part)}
    longest_first = sorted(spellings, key=lambda one: (-len(one[0]), one))
    return re.compile("|".join(_expression(*one) for one in longest_first), re.IGNORECASE)


def _expression(spelling: str, strong: bool) -> str:
    if strong:
        return re.escape(spelling)
    if len(spelling) < WORD:
        return rf"""(?<![^'"`]){re.escape(spelling)}(?![^'"`])"""
    return rf"(?<![\w.-]){re.escape(spelling)}(?!\w|[.-]\w)"


def _is_strong(text: str) -> bool:
    return len(text) >= (STRONG_LETTERS if text.isalpha() else STRONG)


def _parts(secret: str) -> Iterator[str]:
    """A secret, and what programs make of it that take it for words or for a path."""
    yield secret
    yield os.path.normpath(secret).removeprefix("~").removesuffix(".pub")
    yield from (part for part in re.split(r"[\s'\"]+", secret) if _is_strong(part))


def _spellings(secret: str) -> Iterator[str]:
    yield secret
    for text in (repr(secret), ascii(secret), dumps(secret), dumps(secret, ensure_ascii=False)):
        yield text[1:-1]
    raw = secret.encode(errors="surrogatepass")
    yield from (quote(raw), quote(raw, safe=""), quote_plus(raw))
    xml = secret.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    yield from (xml, xml.replace('"', "&quot;"))
    yield secret.replace("'", "'\"'\"'")
    yield b64encode(raw).decode().rstrip("=")
