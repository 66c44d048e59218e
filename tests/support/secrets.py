"""Secrets planted in a run's environment, and the search for them in whatever the run leaves or shows."""

from __future__ import annotations

import shlex
import subprocess
import time
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.kill_points import children, descendants
from tests.support.lab import EDGEWRAP, Lab

LOOK_EVERY_S = 0.03
RUN_S = 300


@dataclass
class Watched:
    """Runs edgewrap with `variables` in its environment. `secrets`: by name, what is searched for. `texts`: all that
    the runs said; `shown`: `SECRET in what` for each secret on a child's command line; `given`: the names of the
    secrets in the environments of children, by the program's name."""

    lab: Lab
    script: Path
    variables: Mapping[str, str]
    secrets: Mapping[str, str]
    texts: list[str] = field(default_factory=list)
    shown: set[str] = field(default_factory=set)
    given: dict[str, set[str]] = field(default_factory=dict)

    def run(self, *arguments: str, **changed: str) -> int:
        """One run; `changed` are other values of variables. Gives its exit status."""
        exports = (f"export {name}={shlex.quote(value)}" for name, value in {**self.variables, **changed}.items())
        self.script.write_text("\n".join([*exports, f"exec {shlex.join([EDGEWRAP, *arguments])}", ""]))
        run = self.lab.start("sh", str(self.script))
        deadline = time.monotonic() + RUN_S
        while run.poll() is None:
            assert time.monotonic() < deadline, "the run does not end"
            for edgewrap in children(run.pid):
                for child in descendants(edgewrap):
                    self._look_at(child)
            time.sleep(LOOK_EVERY_S)
        self.texts.append(run.communicate()[0])
        return run.returncode

    def in_files(self, files: Iterable[Path]) -> set[str]:
        """`SECRET in FILE` for each that is found."""
        found = ((path, content(path)) for path in files)
        return {f"{name} in {path}" for path, text in found for name in self._in(text)}

    def in_texts(self) -> set[str]:
        """The names of the secrets that a run showed."""
        return {name for text in self.texts for name in self._in(text.encode())}

    def _look_at(self, pid: int) -> None:
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes()
            environment = Path(f"/proc/{pid}/environ").read_bytes()
        except (OSError, subprocess.SubprocessError):
            return  # it has ended
        program = Path(words.split(b"\0")[0].decode(errors="replace")).name
        if program == Path(EDGEWRAP).name or program.startswith("python"):
            return  # edgewrap itself, between fork and exec
        self.shown |= {f"{name} in {words.decode(errors='replace')}" for name in self._in(words)}
        self.given.setdefault(program, set()).update(self._in(environment))

    def _in(self, text: bytes) -> list[str]:
        return [name for name, secret in self.secrets.items() if secret.encode() in text]


def content(path: Path) -> bytes:
    """What is in a file; a plan file is an archive."""
    if not zipfile.is_zipfile(path):
        return path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        return b"".join(archive.read(name) for name in archive.namelist())
