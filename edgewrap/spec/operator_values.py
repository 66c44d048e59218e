"""What the operator of a machine sets by environment variables: the programs that a run starts, the places that get
credentials, the files of this machine that it reads.

A spec may set them too, because a spec is code. In restricted mode (`--restricted`, EDGEWRAP_RESTRICTED=1) it may not:
then a spec, and all that is in its checkout, may be a stranger's (docs/security.md).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from edgewrap.errors import UsageError
from edgewrap.paths import expanded, is_file, real_path
from edgewrap.spec.contract import contract
from edgewrap.spec.place import KeyPath, SpecProblem

RESTRICTED = "EDGEWRAP_RESTRICTED"

_BACKEND: KeyPath = ("terraform", "backend")
_READ_BY_PLANES: Mapping[KeyPath, str] = {
    ("aws", "endpoint_url"): "AWS_ENDPOINT_URL",
    ("opennebula", "endpoint"): "ONE_XMLRPC",
}
_FILES: Mapping[KeyPath, str] = {
    ("opennebula", "ca_file"): "EDGEWRAP_CA_FILE",
    ("ssh", "public_key"): "EDGEWRAP_PUBLIC_KEY",
    ("terraform", "binary"): "EDGEWRAP_TERRAFORM",
    ("terraform", "plugin_dir"): "EDGEWRAP_PLUGIN_DIR",
}
VARIABLES: Mapping[KeyPath, str] = {
    **_READ_BY_PLANES,
    **_FILES,
    ("ssh", "proxy_command"): "EDGEWRAP_PROXY_COMMAND",
    ("evpn", "password"): "EDGEWRAP_EVPN_PASSWORD",
    _BACKEND: "EDGEWRAP_BACKEND",
}
"""The fields, and the variable that counts if a spec leaves one out."""

_PLACES = (  # of programs, libraries, credentials and certificates; AWS's configuration may name a program
    "PATH",
    "PYTHONPATH",
    "PYTHONHOME",
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    "HOME",
    "TMPDIR",
    "SSH_AUTH_SOCK",
    "ONE_AUTH",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "TF_PLUGIN_CACHE_DIR",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_CA_BUNDLE",
    "AWS_DATA_PATH",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    *_FILES.values(),
)
_PROXY_COMMAND = "EDGEWRAP_PROXY_COMMAND"


def is_restricted(environ: Mapping[str, str]) -> bool:
    """Whether specs and their checkouts are not trusted."""
    return environ.get(RESTRICTED, "").lower() not in ("", "0", "false", "no", "off")


def add_operators_values(data: dict[str, Any], environ: Mapping[str, str]) -> list[KeyPath]:
    """Put the operator's values into a document that has none there; returns their paths."""
    added: list[KeyPath] = []
    for path in VARIABLES:
        value = None if path in _READ_BY_PLANES else _operators(path, environ)
        section = data.setdefault(str(path[0]), {}) if value is not None else None
        if isinstance(section, dict) and section.get(path[1]) is None:
            section[path[1]] = value
            added.append(path)
    return added


def references(added: Iterable[KeyPath]) -> dict[KeyPath, str]:
    """The texts that a spec would have to fill in the same values. The place of the state is no value to keep back."""
    return {path: f"${{env:{VARIABLES[path]}}}" for path in added if path != _BACKEND}


def without_operators_value(path: KeyPath, text: str) -> Any:
    """What to keep in place of a filled-in text: the operator's own value counts as none, so that a cluster is the same
    for every operator."""
    return _default(path) if text == f"${{env:{VARIABLES.get(path)}}}" else text


def restricted_problems(data: Mapping[str, Any], environ: Mapping[str, str]) -> Iterator[SpecProblem]:
    """The fields of a document that are the operator's, with another value than the operator's."""
    for path, variable in VARIABLES.items():
        section = data.get(str(path[0]))
        value = section.get(path[1]) if isinstance(section, Mapping) else None
        if value is None:
            continue
        theirs = _operators(path, environ)
        if value not in ((_default(path),) if theirs is None else (theirs, environ[variable])):
            rule = f"is the operator's in restricted mode: remove the line, or have {variable} set to the same value"
            yield SpecProblem(path, rule)


def require_trusted_places(spec_file: Path, environ: Mapping[str, str]) -> None:
    """What restricted mode needs around a spec. Raises UsageError if programs are looked for in its checkout, or if the
    file is a link that leads out of it."""
    root = _checkout(spec_file)
    if is_file(spec_file) and not real_path(spec_file).is_relative_to(root):
        raise UsageError(
            f"{spec_file} is a link that leads out of the checkout {root}",
            cause="in restricted mode a stranger may have made it, to read a file of this machine",
            advice="name the file itself with --file",
        )
    for variable in filter(environ.get, (*_PLACES, _PROXY_COMMAND)):
        for place in _places(variable, environ[variable]):
            require_outside(spec_file, expanded(place), f"{place or '.'}, in {variable},", variable)


def require_outside(spec_file: Path, path: Path, what: str, variable: str) -> None:
    """Raises UsageError if `path` is in the checkout of a spec, whatever links lead there."""
    root = _checkout(spec_file)
    if real_path(path).is_relative_to(root):
        raise UsageError(
            f"{what} is in the checkout {root}",
            cause="in restricted mode nothing that a checkout holds may be run or used as state",
            advice=f"let {variable} name places outside of it only",
        )


def _places(variable: str, text: str) -> list[str]:
    """The paths in the value of a variable."""
    if variable == _PROXY_COMMAND:
        return [word for word in re.split(r"[\s'\"=;|&()]+", text) if os.sep in word]
    if variable == "ONE_AUTH":  # a path, or a login
        return [] if ":" in text else [text]
    if variable == "EDGEWRAP_TERRAFORM" and os.sep not in text:  # looked up on PATH
        return []
    return text.split(os.pathsep)


def _checkout(spec_file: Path) -> Path:
    """The outermost git work tree around a spec. Without git the current directory if the spec is below it, else the
    spec's directory. Standard input, or a pipe, counts as a file in the current directory."""
    start = Path(os.path.abspath(spec_file)).parent if is_file(spec_file) else Path.cwd()  # noqa: PTH100 - keeps links
    trees = [folder for folder in (start, *start.parents) if os.path.lexists(folder / ".git")]
    if trees:
        return real_path(trees[-1])
    here = Path.cwd()
    below = real_path(start).is_relative_to(here) and here != Path(here.anchor)
    return real_path(here if below else start)


def _default(path: KeyPath) -> Any:
    known = contract().at(path)
    return known.schema.get("default") if known else None


def _operators(path: KeyPath, environ: Mapping[str, str]) -> Any:
    """The operator's value of a field as a document has it; None if there is none."""
    text = environ.get(VARIABLES[path], "")
    if not text:
        return None
    if path in _FILES and (os.sep in text or path != ("terraform", "binary")):
        return str(expanded(text).absolute())
    if path == _BACKEND and (url := urlsplit(text)).scheme == "s3":
        return {"s3": {"bucket": url.netloc, "key": url.path.removeprefix("/"), **dict(parse_qsl(url.query))}}
    return text
