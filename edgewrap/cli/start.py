"""Where the program `edgewrap` begins: a signal during its first moments ends it without a traceback."""

from __future__ import annotations

import os
import signal
from typing import NoReturn

from edgewrap.signals import ENDING


def main() -> NoReturn:
    """Import the command line and run it."""
    for number in ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda *_: os._exit(130))  # nothing has begun; main.py sets its own handler
    from edgewrap.cli.main import main as run

    run()


if __name__ == "__main__":
    main()
