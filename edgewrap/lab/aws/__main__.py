"""`python -m edgewrap.lab.aws --port P --directory DIR`: serves the lab's AWS until it gets a signal.

Prints one JSON line (`{"endpoint": "http://127.0.0.1:P"}`) when it is ready. Exits 0 on SIGTERM or SIGINT.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from pydantic import ValidationError

from edgewrap.lab.aws.amis import write_images
from edgewrap.lab.aws.limits import LIMITS, Quotas


def main() -> int:
    parent = os.getppid()
    arguments = _parse(sys.argv[1:])
    directory: Path = arguments.directory
    directory.mkdir(parents=True, exist_ok=True)
    LIMITS.quotas = arguments.quotas
    _configure_moto(directory)
    with _one_boto_session():
        from edgewrap.lab.aws import server  # only now: moto reads its settings and images while it is imported
    aws = server.listen(arguments.port, directory)

    def end(*_signal: object) -> None:
        threading.Thread(target=aws.shutdown, daemon=True).start()  # it waits for the loop that this handler interrupts

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    if arguments.die_with_parent:
        threading.Thread(target=_end_with, args=(parent, end), daemon=True).start()
    print(json.dumps({"endpoint": f"http://{server.ADDRESS}:{aws.port}"}), flush=True)
    aws.serve_forever(poll_interval=0.1)
    aws.server_close()
    return 0


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m edgewrap.lab.aws", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="0: a free port")
    parser.add_argument("--directory", type=Path, required=True, help="for the images file and the call log")
    parser.add_argument("--quotas", type=_quotas, default=Quotas(), help='such as {"elastic_ips": 64}')
    parser.add_argument("--die-with-parent", action="store_true", help="exit when the parent process exits")
    return parser.parse_args(argv)


def _quotas(text: str) -> Quotas:
    try:
        return Quotas.model_validate_json(text)
    except ValidationError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _configure_moto(directory: Path) -> None:
    """Set moto's own options that make it stricter, and the images."""
    images = directory / "images.json"
    write_images(images)
    os.environ.update(
        MOTO_AMIS_PATH=str(images),
        MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION="true",
        MOTO_ENABLE_AMI_VALIDATION="true",
    )


@contextlib.contextmanager
def _one_boto_session() -> Iterator[None]:
    """Moto creates several boto3 sessions while it is imported; sharing one saves a second."""
    import boto3

    session = boto3.Session
    boto3.Session = functools.cache(session)  # type: ignore[misc, assignment]
    try:
        yield
    finally:
        boto3.Session = session  # type: ignore[misc]


def _end_with(parent: int, end: Callable[[], None]) -> None:
    """Call `end` once this process has another parent."""
    while os.getppid() == parent:
        time.sleep(0.5)
    end()


if __name__ == "__main__":
    sys.exit(main())
