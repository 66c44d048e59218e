"""Where the real cloud-init is that hosts with user data run.

It is the distribution's own, unpacked and never installed on this machine (`make cloud-init`): an installed one would
run at the machine's next boot, and take it for a new instance.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from edgewrap.lab.tools import TOOLS

VARIABLE = "EDGEWRAP_CLOUD_INIT"
MACHINES_OWN = "/"
WHY_NOT = "cloud-init: it is not unpacked here (`make cloud-init`), so hosts do not set themselves up"

_PROGRAM = "usr/bin/cloud-init"
_IN_TOOLS = "cloud-init/tree"


def find_cloud_init(environ: Mapping[str, str]) -> str:
    """The tree that has it: the directory that EDGEWRAP_CLOUD_INIT names, else the checkout's; `/` where
    this machine has cloud-init itself; empty where there is none."""
    for tree in (Path(environ.get(VARIABLE) or TOOLS / _IN_TOOLS), Path(MACHINES_OWN)):
        if (tree / _PROGRAM).exists():
            return str(tree.absolute())
    return ""
