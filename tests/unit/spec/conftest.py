"""A valid spec with every field, the environment it needs, and a way to load text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from edgewrap.spec.load import load_spec
from edgewrap.spec.models import Spec

Load = Callable[..., Spec]

ENVIRONMENT: Mapping[str, str] = {
    "FRONT_END": "one.secret-7f3a.example",
    "CA_FILE": "/secret-7f3a/ca.pem",
    "SSH_USER": "secret-7f3a",
    "COMMENT": "secret-7f3a",
    "JUMP": "secret-7f3a@jump",
    "PASSWORD": "secret-7f3a",
}
MINIMAL = "apiVersion: edgewrap/v1\nname: edge-1\naws: { region: eu-west-3 }\n"


@pytest.fixture(scope="session")
def environment() -> Mapping[str, str]:
    """What `full.yaml` needs; every value holds `secret-7f3a`."""
    return ENVIRONMENT


@pytest.fixture(scope="session")
def full_file() -> Path:
    """A spec with every field that is built."""
    return Path(__file__).with_name("full.yaml")


@pytest.fixture(scope="session")
def load(tmp_path_factory: pytest.TempPathFactory) -> Load:
    """Loads a spec from text or bytes; `more` text is put below a minimal spec."""
    file = tmp_path_factory.mktemp("spec") / "edge.yaml"

    def load_text(more: str | bytes, environ: Mapping[str, str] = ENVIRONMENT, *, whole: bool = False) -> Spec:
        content = more if isinstance(more, bytes) else more.encode("utf-8", "surrogatepass")
        file.write_bytes(content if whole else MINIMAL.encode() + content)
        return load_spec(file, environ)

    return load_text
