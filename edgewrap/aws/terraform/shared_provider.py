"""One AWS provider for all terraform processes of a run.

A terraform process starts the provider up to three times, and each start checks the hash of 700 MB and builds the
schema. So the run starts it once, in the provider's own debug mode, and terraform processes connect to it through
TF_REATTACH_PROVIDERS.

Terraform does not check the hash of a provider that it is given, so this is done here: the provider must be the one
that `terraform init` has just checked, or match an `h1:` hash of the lock file. If anything is unexpected, terraform
starts the provider itself as usual.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO

from edgewrap.atomic_files import write_atomically
from edgewrap.aws.terraform import provider_supervisor
from edgewrap.aws.terraform.binary import file_stamp
from edgewrap.aws.terraform.init_stamp import LOCK_FILE
from edgewrap.poll import until

VARIABLE = "TF_REATTACH_PROVIDERS"
_LOGS = ("SDK", "SDK_PROTO", "SDK_MUX", "SDK_HELPER_SCHEMA", "SDK_FRAMEWORK", "PROVIDER")
_NO_LOG = {f"TF_LOG_{log}": "OFF" for log in _LOGS}
"""In debug mode the provider logs every step, which is a tenth of its work; nobody reads that."""

START_S = 20
MOST_BYTES = 1 << 16  # of what it announces
STOP_S = 10
_LOCKED = re.compile(r'^provider "([^"\s]+/hashicorp/aws)" \{\n(.*?)^\}', re.DOTALL | re.MULTILINE)
_VERSION = re.compile(r'^\s*version\s*=\s*"([0-9A-Za-z.+-]+)"$', re.MULTILINE)
_HASHES = re.compile(r'"(h1:[^"]+)"')
_ANNOUNCED = re.compile(rb"TF_REATTACH_PROVIDERS='(\{.*\})'\n")


@dataclass(frozen=True, slots=True)
class Package:
    """An installed provider. `address` is its source address, `hashes` are the lock file's `h1:` hashes of it."""

    address: str
    binary: Path
    hashes: frozenset[str]

    def stamp(self) -> list[str | int]:
        """Changes if the binary or the hashes change."""
        return [str(self.binary), *file_stamp(self.binary), *sorted(self.hashes)]

    def matches(self) -> bool:
        """Whether its hash is one of the lock file's."""
        return package_hash(self.binary.parent) in self.hashes


class SharedProvider:
    """The provider of the root module `module`; `memory` is the file that records which one was checked.

    It ends when this process and all that inherited `pass_fds` have ended: a terraform process that survives a killed
    run can finish its plan.
    """

    def __init__(self, module: Path, memory: Path, environ: Mapping[str, str]) -> None:
        self._module = module
        self._memory = memory
        self._environ = environ
        self._running: _Running | None = None

    @property
    def pass_fds(self) -> tuple[int, ...]:
        """What a terraform process must inherit to keep the provider running."""
        return () if self._running is None else (self._running.lifeline,)

    def remember(self) -> None:
        """`terraform init` has just checked the provider."""
        package = installed_package(self._module)
        if package is not None:
            self._write_memory(package)

    def start(self) -> None:
        """Start the provider, if it does not run and can be used. Does not wait until it is ready."""
        if self._running is None:
            package = installed_package(self._module)
            if package is not None and self._is_checked(package):
                self._running = _Running(package, self._module, self._environ)

    def variables(self) -> Mapping[str, str]:
        """The environment variables that connect terraform to the provider; none if there is no provider."""
        self.start()
        attached = self._running.attached if self._running else ""
        if not attached:
            self.stop()
        return {VARIABLE: attached} if attached else {}

    def stop(self) -> None:
        """End the provider, if it runs; `start` starts another one."""
        running, self._running = self._running, None
        if running is not None:
            running.end()

    def _is_checked(self, package: Package) -> bool:
        with contextlib.suppress(OSError, ValueError):
            if json.loads(self._memory.read_text(encoding="utf-8")) == package.stamp():
                return True
        if not package.matches():
            return False
        self._write_memory(package)
        return True

    def _write_memory(self, package: Package) -> None:
        write_atomically(self._memory, json.dumps(package.stamp()) + "\n")


class _Running:
    """A provider that was started. It ends with this object at the latest."""

    def __init__(self, package: Package, directory: Path, environ: Mapping[str, str]) -> None:
        self._address = package.address
        reading, self.lifeline = os.pipe()
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - without a name: a run that ends early leaves nothing
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", provider_supervisor.__file__, str(package.binary), "-debug"],
            cwd=directory,
            env={**environ, **_NO_LOG},
            stdin=reading,
            stdout=self._output,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # a Ctrl-C on the terminal reaches terraform through us only
            umask=0o077,  # whoever may connect to its socket may use its credentials
        )
        os.close(reading)
        self.end = weakref.finalize(self, _end, self._process, self.lifeline, self._output)
        self.end.atexit = False  # then the kernel closes the pipe, and nobody needs to wait

    @cached_property
    def attached(self) -> str:
        """Terraform's description of how to connect to it; empty if it did not start within START_S seconds."""
        announced = until(self._announced, START_S, pause_s=0.02)
        if not announced:
            return ""
        # the provider names its own registry; OpenTofu looks for it under another
        return json.dumps({self._address: next(iter(json.loads(announced).values()))})

    def _announced(self, _waited_s: float) -> bytes | None:
        found = _ANNOUNCED.search(os.pread(self._output.fileno(), MOST_BYTES, 0))
        return found[1] if found else b"" if self._process.poll() is not None else None


def _end(process: subprocess.Popen[bytes], lifeline: int, output: IO[bytes]) -> None:
    output.close()
    os.close(lifeline)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_S)


def can_be_shared(environ: Mapping[str, str]) -> bool:
    """Whether one provider can serve several terraform processes with these environment variables.

    Not if a TF_LOG… variable asks for a log, which would lack the provider's part. Not with a CA bundle for AWS either:
    the second configuration of a provider 5.100 then fails with "HTTPClient, has no WithTransportOptions".
    """
    if "AWS_CA_BUNDLE" in environ or any(name.startswith("TF_LOG") for name in environ):
        return False
    config = environ.get("AWS_CONFIG_FILE") or os.path.join(environ.get("HOME", ""), ".aws", "config")  # noqa: PTH118
    try:
        return re.search(r"^\s*ca_bundle\s*=", Path(config).read_text(encoding="utf-8"), re.MULTILINE) is None
    except (OSError, ValueError):
        return True


def installed_package(module: Path) -> Package | None:
    """The AWS provider that `terraform init` installed in a root module; None if that is not exactly one binary."""
    try:
        locked = _LOCKED.search((module / LOCK_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    version = _VERSION.search(locked[2]) if locked else None
    if locked is None or version is None:
        return None
    pattern = f"{locked[1]}/{version[1]}/*/terraform-provider-aws*"
    binaries = list((module / ".terraform" / "providers").glob(pattern))
    if len(binaries) != 1:
        return None
    return Package(locked[1], binaries[0].resolve(), frozenset(_HASHES.findall(locked[2])))


def package_hash(directory: Path) -> str:
    """Terraform's `h1:` hash of an unpacked provider: over the SHA-256 and the name of each of its files."""
    lines = []
    for file in sorted(path for path in directory.rglob("*") if path.is_file()):
        with file.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        lines.append(f"{digest}  {file.relative_to(directory).as_posix()}\n")
    return "h1:" + base64.b64encode(hashlib.sha256("".join(lines).encode()).digest()).decode()
