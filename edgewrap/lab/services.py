"""The two servers of a lab as child processes: AWS and the OpenNebula front-end."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Mapping, Sequence

from edgewrap.errors import LabError
from edgewrap.lab.directory import LabDirectory
from edgewrap.lab.environment import inside_environment
from edgewrap.lab.fabric.fabric import PUBLIC_RANGES
from edgewrap.lab.opennebula.release import RELEASES
from edgewrap.lab.opennebula.system import drivers
from edgewrap.lab.settings import LabSettings
from edgewrap.lab.supervisor import die_with_parent

_READY_S = 60.0


class Service:
    """A server that prints one JSON line when it is ready. Its output is written to the lab's log. `environ` is its
    environment, if it is not this process's."""

    def __init__(
        self, name: str, module: str, arguments: Sequence[str], environ: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self._environ = environ
        self._command = (sys.executable, "-m", module, *arguments)
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None

    @property
    def state(self) -> str:
        """`starting`, `running`, or how it ended."""
        if self._process is None:
            return "starting"
        code = self._process.returncode
        return "running" if code is None else f"ended with status {code}"

    async def start(self) -> None:
        """Start the server and wait until it is ready. Raises LabError."""
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            env=self._environ,
            preexec_fn=die_with_parent,
        )
        assert self._process.stdout is not None  # noqa: S101 - asked for above
        output = self._process.stdout
        try:
            async with asyncio.timeout(_READY_S):
                while line := await output.readline():
                    if _is_ready(line):
                        break
                    self._print(line)
        except TimeoutError:
            line = b""
        if not line:
            raise LabError(
                f"the lab's {self.name} did not start",
                cause="it exited" if self._process.returncode is not None else "it did not report that it is ready",
                advice="see its messages in the lab's log",
            )
        self._reading = asyncio.create_task(self._copy(output))

    async def _copy(self, output: asyncio.StreamReader) -> None:
        while line := await output.readline():
            self._print(line)
        assert self._process is not None  # noqa: S101 - started before
        await self._process.wait()
        print(f"{self.name}: {self.state}", file=sys.stderr)

    def _print(self, line: bytes) -> None:
        sys.stderr.write(f"{self.name}: {line.decode(errors='replace')}")


def aws(settings: LabSettings, directory: LabDirectory) -> Service:
    """The AWS process."""
    arguments = ["--port", str(settings.aws_port), "--directory", str(directory.aws)]
    return Service("AWS", "edgewrap.lab.aws", arguments)


def front_end(settings: LabSettings, directory: LabDirectory) -> Service:
    """The OpenNebula front-end. If there are hosts, it logs in to them by SSH. Its IPAM drivers have the environment of
    a command inside the lab."""
    ipam = (*drivers(RELEASES[settings.front_end_version]).ipam, "edgewrap")
    arguments = [
        *("--port", str(settings.front_end_port)),
        *("--database", str(directory.front_end / "one.db")),
        *("--version", settings.front_end_version),
        *("--auth-file", str(directory.one_auth)),
        *("--remotes", str(directory.remotes)),
        *("--ipam", ",".join(ipam)),
    ]
    if settings.hosts:
        arguments += ["--monitor", "ssh", "--names", "--ssh-key", str(directory.front_end / "id_ed25519")]
        for network in PUBLIC_RANGES:
            arguments += ["--allow-network", network]
    else:
        arguments += ["--monitor", "none"]
    return Service(
        "front-end", "edgewrap.lab.opennebula", arguments, inside_environment(os.environ, directory, settings)
    )


def _is_ready(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False
