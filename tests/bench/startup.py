"""How long commands take that need no network, in turns with a bare typer application of two commands and typer's
defaults (its help is drawn by rich): medians of 15 rounds.

A line for each, `COMMAND SECONDS PROCESSOR_SECONDS`, then the last line: `startup_ratio RATIO EDGEWRAP_SECONDS
BARE_SECONDS VALIDATE_PROCESSOR_SECONDS`. The ratio is that of `--help`, its bound is 1.0; that of `validate` is 0.25 s.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROUNDS = int(os.environ.get("ROUNDS", "15"))
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
COMMANDS = ("--version", "--help", "plan --help", "validate")
COMPILED = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def cost(command: list[str], directory: str) -> tuple[float, float]:
    """How long `command` takes, and how much of the processor: seconds."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, cwd=directory, env=COMPILED, check=True, stdout=subprocess.DEVNULL)
    took, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return took, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Measure and print."""
    edgewrap = str(Path(sys.executable).with_name("edgewrap"))
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run([edgewrap, "init"], cwd=directory, env=COMPILED, check=True, stdout=subprocess.DEVNULL)
        Path(directory, "bare.py").write_text(BARE)
        commands = {words: [edgewrap, *words.split()] for words in COMMANDS}
        commands["bare --help"] = [sys.executable, "bare.py", "--help"]
        rounds = [[cost(command, directory) for command in commands.values()] for _ in range(ROUNDS + 1)]
    medians = {}
    for words, costs in zip(commands, zip(*rounds[1:], strict=True), strict=True):  # the first round compiles
        took, busy = map(statistics.median, zip(*costs, strict=True))
        medians[words] = took, busy
        print(f"{words} {took:.3f} {busy:.3f}")
    ours, theirs = medians["--help"][0], medians["bare --help"][0]
    print(f"startup_ratio {ours / theirs:.2f} {ours:.3f} {theirs:.3f} {medians['validate'][1]:.3f}")


if __name__ == "__main__":
    main()
