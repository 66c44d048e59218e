"""`edgewrap --help` against a bare typer application of two commands: median of 15 runs each, side by side.

Last line: `startup_ratio RATIO EDGEWRAP_SECONDS BARE_SECONDS`. The bound is 1.3.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROUNDS = 15
BARE = """
import typer

app = typer.Typer()


@app.command()
def one(count: int) -> None:
    "The first command."


@app.command()
def two() -> None:
    "The second command."


app()
"""


def seconds(command: list[str]) -> float:
    """How long `command` takes."""
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def main() -> None:
    """Measure and print."""
    edgewrap = str(Path(sys.executable).with_name("edgewrap"))
    with tempfile.TemporaryDirectory() as directory:
        bare = Path(directory) / "bare.py"
        bare.write_text(BARE)
        pairs = [(seconds([edgewrap, "--help"]), seconds([sys.executable, str(bare), "--help"])) for _ in range(ROUNDS)]
    ours, theirs = (statistics.median(side) for side in zip(*pairs[1:], strict=True))
    print(f"startup_ratio {ours / theirs:.2f} {ours:.3f} {theirs:.3f}")


if __name__ == "__main__":
    main()
