"""The lab's front-end for its own tests: as a process with pyone as its client, or without a process at all."""

from __future__ import annotations

import subprocess
import xml.etree.ElementTree as ElementTree
import xmlrpc.client
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import pyone

from edgewrap.lab.opennebula import methods
from edgewrap.lab.opennebula.frontend import FrontEnd
from edgewrap.lab.opennebula.release import RELEASES
from edgewrap.lab.opennebula.server import respond
from edgewrap.lab.opennebula.store import Store

RECORDINGS = Path(__file__).parents[1] / "data" / "opennebula"
AUTH = "oneadmin:a secret: with a colon"


def tree(text: str) -> ElementTree.Element:
    """XML that the front-end wrote."""
    return ElementTree.fromstring(text)  # noqa: S314


@dataclass
class Served:
    """A running front-end."""

    process: subprocess.Popen[str]
    url: str
    version: str

    def client(self, auth: str = AUTH) -> Any:
        return pyone.OneServer(self.url, session=auth)

    def end(self) -> int:
        """Send SIGTERM; the exit status."""
        self.process.terminate()
        return self.process.wait(10)


class Benches(Protocol):
    """Makes front-ends in this process (see `Bench.of`)."""

    def __call__(
        self,
        version: str = "7.0.2",
        *,
        database: str = "one.db",
        monitor: Literal["ssh", "none"] = "none",
        settle: float = 1.0,
        interval: float = 2.0,
    ) -> Bench: ...


class Start(Protocol):
    """Starts a front-end with these options."""

    def __call__(self, *options: str, database: str = "one.db") -> Served: ...


@dataclass
class Bench:
    """A front-end in this process. Its clock is fixed at `time` until `pass_time`."""

    one: FrontEnd
    time: float = 1_800_000_000.0

    @classmethod
    def of(
        cls,
        database: Path,
        version: str = "7.0.2",
        monitor: Literal["ssh", "none"] = "none",
        settle: float = 1.0,
        interval: float = 2.0,
    ) -> Bench:
        bench = cls(FrontEnd(Store(database), RELEASES[version], monitor, settle, interval))
        bench.one.clock = lambda: bench.time
        methods.bootstrap(bench.one, *AUTH.split(":", 1))
        return bench

    def pass_time(self, seconds: float = 60.0) -> None:
        self.time += seconds

    def answer(self, method: str, *params: object, auth: str = AUTH) -> list[Any]:
        """The answer as on the wire; a fault as `["fault", code, text]`."""
        try:
            return respond(self.one, method, (auth, *params))
        except xmlrpc.client.Fault as fault:
            return ["fault", fault.faultCode, fault.faultString]

    def value(self, method: str, *params: object, auth: str = AUTH) -> Any:
        """The value of an answer that must be yes."""
        answer = self.answer(method, *params, auth=auth)
        assert answer[0] is True, answer
        return answer[1]

    def tree(self, method: str, *params: object, auth: str = AUTH) -> ElementTree.Element:
        """The XML of an answer that must be yes."""
        return tree(self.value(method, *params, auth=auth))

    def refusal(self, method: str, *params: object, auth: str = AUTH) -> tuple[int, str]:
        """Code and text of an answer that must be no."""
        answer = self.answer(method, *params, auth=auth)
        assert answer[0] is False, answer
        return answer[2], answer[1]

    def network(self, text: str, cluster: int = -1) -> int:
        """A new network, settled."""
        number: int = self.value("one.vn.allocate", text, cluster)
        self.pass_time()
        return number
