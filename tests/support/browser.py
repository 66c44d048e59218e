"""A real browser, Debian's Chromium without a window, driven over its own protocol (CDP) through a pair of pipes. It
opens files only, and every request that a page makes is recorded."""

from __future__ import annotations

import itertools
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

TIMEOUT_S = 60
OPTIONS = (
    "headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking",
    "disable-component-update", "disable-sync", "disable-dev-shm-usage", "remote-debugging-pipe",
)  # fmt: skip
AXE = "axe.run(document, {resultTypes: ['violations']}).then(found => JSON.stringify(found.violations))"


@dataclass
class Browser:
    """One browser with one page. Messages are JSON, each ends with a NUL byte."""

    _write: int
    _read: int
    _session: str = ""
    _buffer: bytes = b""
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    events: list[dict[str, Any]] = field(default_factory=list)

    def call(self, method: str, **parameters: Any) -> Any:
        """Call a method of the protocol; gives its result."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        message |= {"sessionId": self._session} if self._session else {}
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return answer["result"]

    def open(self, page: Path, *, width: int, scheme: str) -> None:
        """Load a page at this width in pixels, in the `light` or the `dark` scheme."""
        self.events.clear()
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.call("Emulation.setEmulatedMedia", features=[feature])
        phone = width < 500
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=phone)
        self.call("Page.navigate", url=page.resolve().as_uri())
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self._next()

    def run(self, script: str) -> Any:
        """The value of an expression in the page; a promise is awaited."""
        answer = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def press(self, key: str) -> None:
        """Press and release a key."""
        codes = {"Tab": 9, "Enter": 13}
        for kind in ("keyDown", "keyUp"):
            text = {"text": "\r"} if key == "Enter" and kind == "keyDown" else {}
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=codes[key], **text)

    @property
    def requests(self) -> list[str]:
        """The URLs that the page has asked for."""
        return [
            event["params"]["request"]["url"] for event in self.events if event["method"] == "Network.requestWillBeSent"
        ]

    def violations(self) -> list[str]:
        """What axe-core finds in the page, if it is serious or critical."""
        spec = find_spec("axe_playwright_python")  # only its copy of axe-core is used
        assert spec is not None, "run `make browser`"
        assert spec.origin is not None
        self.run(Path(spec.origin).with_name("axe.min.js").read_text(encoding="utf-8") + "; 0")
        return [
            f"{found['id']}: {[node['html'][:200] for node in found['nodes'][:3]]}"
            for found in json.loads(self.run(AXE))
            if found["impact"] in ("serious", "critical")
        ]

    def start(self) -> None:
        """Open the page."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime"):
            self.call(f"{domain}.enable")

    def _next(self) -> dict[str, Any]:
        deadline = time.monotonic() + TIMEOUT_S
        while b"\0" not in self._buffer:
            ready = select.select([self._read], [], [], max(0, deadline - time.monotonic()))[0]
            part = os.read(self._read, 1 << 16) if ready else b""
            assert part, "the browser does not answer"
            self._buffer += part
        message, _, self._buffer = self._buffer.partition(b"\0")
        answer: dict[str, Any] = json.loads(message)
        if "method" in answer:
            self.events.append(answer)
        return answer


@contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """A browser with an empty profile in this directory."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None and "\nID=ubuntu\n" in Path("/etc/os-release").read_text():
        pytest.skip("Ubuntu has Chromium as a snap only")
    assert program is not None, "chromium is missing: run `make browser`"
    from_us, to_us = os.pipe(), os.pipe()
    options = [f"--{option}" for option in OPTIONS]
    command = _with_pipes([program, *options, f"--user-data-dir={profile}"], from_us[0], to_us[1])
    run = subprocess.Popen(
        command, pass_fds=(from_us[0], to_us[1]), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=(profile.parent / "browser.log").open("wb"), start_new_session=True,
    )  # fmt: skip
    os.close(from_us[0])
    os.close(to_us[1])
    driven = Browser(from_us[1], to_us[0])
    try:
        driven.start()
        yield driven
        driven._session = ""
        driven.call("Browser.close")
    finally:
        os.close(from_us[1])
        os.close(to_us[0])
        try:
            run.wait(timeout=10)
        except subprocess.TimeoutExpired:
            run.kill()
            run.wait()


def _with_pipes(command: Sequence[str], read: int, write: int) -> list[str]:
    """The command with these descriptors as 3 and 4, where the browser expects its pipes."""
    return ["bash", "-c", f'exec 8<&{read} 9>&{write} 3<&8 4>&9 8<&- 9>&-; exec "$@"', "bash", *command]
