"""A lab of a test's own, driven as a user drives it; and the way into its network for boto3 and pyone."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

from edgewrap.errors import LabError
from edgewrap.lab import launch
from edgewrap.lab.directory import LabDirectory
from edgewrap.lab.tools import find_providers

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client

EDGEWRAP = str(Path(sys.executable).with_name("edgewrap"))
CLONE_NEWNET = 0x40000000
_NSENTER = {"mnt": "mount"}  # nsenter's option if it differs from the kind's name
REGION = "eu-west-3"
FOLLOW = {"EDGEWRAP_LAB_FOLLOW": str(os.getpid())}
"""In the environment of `lab up`: the lab ends with this process, however that ends."""


def provider_mirror() -> Path | None:
    """The mirror of Terraform's providers that `lab exec` uses."""
    found = find_providers(os.environ)
    return Path(found) if found else None


LEFT_OUT = ("AWS_CA_BUNDLE", "PYTHONDONTWRITEBYTECODE")
"""Variables of this machine: the lab has no TLS, and an installed edgewrap is compiled."""


class Lab:
    """A lab in `directory`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        inherited = {name: value for name, value in os.environ.items() if name not in LEFT_OUT}
        self.environ = {**inherited, "EDGEWRAP_LAB_DIR": str(directory), "COLUMNS": "200", **FOLLOW}

    def up(self, *options: str) -> None:
        """Start it."""
        self.tool("lab", "up", "--json", *options)

    def down(self) -> None:
        """End it. No run has written a secret."""
        from tests.support.secrets import content

        self.tool("lab", "down")
        files = (path for path in (self.directory / "runs").rglob("*") if path.is_file() and not path.is_symlink())
        assert {str(path) for path in files if any(word.encode() in content(path) for word in self.secrets)} == set()

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no run may show or write: the front-end's password, and a part of the private key for the hosts."""
        home = self.directory / "home"
        if not home.is_dir():
            return ()
        login = (home / ".one" / "one_auth").read_text().strip()
        return login.partition(":")[2], (home / ".ssh" / "id_ed25519").read_text().splitlines()[2]

    def tool(self, *arguments: str, check: bool = True, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        """Run edgewrap outside the lab. Its JSON fits the published schema."""
        from tests.support.documents import check_output

        done = self._run([EDGEWRAP, *arguments], check, timeout)
        check_output(arguments, done.returncode, done.stdout)
        return done

    def run(
        self, *command: str, place: str = "", check: bool = True, timeout: float = 300
    ) -> subprocess.CompletedProcess[str]:
        """Run a command inside the lab: where the tool runs, or in another place of it. Enters the same namespaces with
        the same environment as `lab exec`, without the 0.1 s of a Python."""
        try:
            way = launch.entrance(LabDirectory("lab", self.directory), self.environ, place=place)
        except LabError as error:
            if check:
                raise AssertionError(f"{command}: {error}: {error.cause}") from error
            return subprocess.CompletedProcess(command, 1, "", f"{error}: {error.cause}")
        namespaces = [f"--{_NSENTER.get(kind, kind)}={file}" for kind, file in way.namespaces.items()]
        start = ["setpriv", "--pdeathsig", "KILL", "env", f"--chdir={way.directory or '/'}"]
        return self._run(["nsenter", *namespaces, "--", *start, *command], check, timeout, way.environ)

    def exec(
        self, *command: str, place: str = "", check: bool = True, timeout: float = 300
    ) -> subprocess.CompletedProcess[str]:
        """Run a command by `edgewrap lab exec`."""
        where = ["--in", place] if place else []
        return self._run([EDGEWRAP, "lab", "exec", *where, "--", *command], check, timeout)

    def edgewrap(self, *arguments: str, check: bool = True, timeout: float = 600) -> subprocess.CompletedProcess[str]:
        """Run edgewrap inside the lab, by `edgewrap lab exec`. It shows no secret, no traceback and no bug, and its
        JSON fits the published schema."""
        from tests.support.documents import check_output

        done = self.exec(EDGEWRAP, *arguments, check=check, timeout=timeout)
        faults = () if arguments[0] == "logs" else ("Traceback (most recent call last)", "a bug in edgewrap")
        for words in (*self.secrets, *faults):
            assert words not in done.stdout + done.stderr
        check_output(arguments, done.returncode, done.stdout)
        return done

    def start(self, *command: str, place: str = "") -> subprocess.Popen[str]:
        """Start a command inside the lab, in a process group of its own."""
        where = ["--in", place] if place else []
        return subprocess.Popen(
            [EDGEWRAP, "lab", "exec", *where, "--", *command],
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def status(self) -> dict[str, Any]:
        """`lab status --json`."""
        status: dict[str, Any] = json.loads(self.tool("lab", "status", "--json").stdout)
        return status

    @cached_property
    def facts(self) -> dict[str, Any]:
        """What the lab's supervisor has written down."""
        facts: dict[str, Any] = json.loads((self.directory / "lab.json").read_text())
        return facts

    @contextmanager
    def network(self) -> Iterator[None]:
        """Within the block this thread is in the lab's network, where its AWS and front-end listen."""
        libc = ctypes.CDLL(None, use_errno=True)
        with (
            Path("/proc/thread-self/ns/net").open() as home,
            Path(f"/proc/{self.facts['init']['pid']}/ns/net").open() as lab,
        ):
            if libc.setns(lab.fileno(), CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")
            try:
                yield
            finally:
                libc.setns(home.fileno(), CLONE_NEWNET)

    @cached_property
    def ec2(self) -> EC2Client:
        """EC2, to be called within `network()`."""
        import boto3

        return boto3.client(
            "ec2",
            region_name=REGION,
            endpoint_url=self.facts["aws_endpoint"],
            aws_access_key_id="lab",
            aws_secret_access_key="lab",
        )

    def quota(self, **values: int) -> None:
        """Set quotas of the lab's AWS."""
        self.aws("PUT", "quotas", values)

    def aws(self, method: str, path: str, values: Mapping[str, object]) -> None:
        """A request to the own API of the lab's AWS (docs/lab-aws.md)."""
        request = Request(  # noqa: S310 - the lab's own server on loopback
            f"{self.facts['aws_endpoint']}/_lab/{path}",
            data=json.dumps(values).encode(),
            headers={"Content-Type": "application/json"},
            method=method,
        )
        with self.network(), urlopen(request, timeout=10) as answer:  # noqa: S310 - the lab's own server on loopback
            answer.read()

    def requests(self, after: int = 0) -> list[dict[str, Any]]:
        """The log of AWS API calls beyond serial `after`."""
        url = f"{self.facts['aws_endpoint']}/_lab/requests?after={after}"
        with self.network(), urlopen(url, timeout=10) as answer:  # noqa: S310 - the lab's own server on loopback
            calls: list[dict[str, Any]] = json.loads(answer.read())
        return calls

    def one(self, method: str, *parameters: object) -> Any:
        """One XML-RPC call as oneadmin; gives the value, raises on the front-end's error."""
        from xmlrpc.client import ServerProxy

        session = (self.directory / "home" / ".one" / "one_auth").read_text().strip()
        with self.network(), ServerProxy(self.facts["front_end_endpoint"]) as proxy:
            success, value, *_ = getattr(proxy, method)(session, *parameters)
        if not success:
            raise RuntimeError(value)
        return value

    def _run(
        self, command: list[str], check: bool, timeout: float, environ: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command,
            env=environ or self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if check and done.returncode != 0:
            raise AssertionError(f"{command} exited {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done
