"""The lab's front-end as a process on loopback, that can be ended and started again where it was."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from edgewrap.opennebula.api.client import FrontEnd
from edgewrap.opennebula.api.credentials import Session

PASSWORD = "the-administrators-secret"  # a word that nothing else says


@dataclass
class FrontEndProcess:
    """One front-end. `url` stays the same over restarts, and so do its objects."""

    directory: Path
    version: str = "7.4.0"
    port: int = 0
    url: str = ""
    _process: subprocess.Popen[str] | None = field(default=None, repr=False)

    @property
    def login(self) -> Path:
        """The administrator's ONE_AUTH file."""
        return self.directory / "one_auth"

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.login.write_text(f"oneadmin:{PASSWORD}\n")
        options = {
            "--port": str(self.port),
            "--database": str(self.directory / "one.db"),
            "--auth-file": str(self.login),
            "--version": self.version,
            "--settle": "0.05",
        }
        arguments = [part for option in options.items() for part in option]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "edgewrap.lab.opennebula", *arguments], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self.url = json.loads(self._process.stdout.readline())["url"]
        self.port = int(self.url.rpartition(":")[2].partition("/")[0])

    def stop(self) -> None:
        """End it; its objects stay."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process.communicate()
            self._process = None

    def as_user(self, login: str = f"oneadmin:{PASSWORD}") -> FrontEnd:
        """A connection as that user:password."""
        return FrontEnd(self.url, Session(login))
