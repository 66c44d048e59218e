"""Where to find the real cloud-init that hosts with user data run.

It is the distribution's, unpacked and not installed on this machine (`make cloud-init`): an installed one would run at
the machine's next boot and treat it as a new instance.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from edgewrap.lab.tools import TOOLS

VARIABLE = "EDGEWRAP_CLOUD_INIT"
MACHINES_OWN = "/"
WHY_NOT = "cloud-init: not unpacked (run `make cloud-init`), so hosts have no first-boot setup"

_PROGRAM = "usr/bin/cloud-init"
_IN_TOOLS = "cloud-init/tree"


def find_cloud_init(environ: Mapping[str, str]) -> str:
    """The tree with it: the directory that EDGEWRAP_CLOUD_INIT names, otherwise the checkout's; `/` if cloud-init is
    installed on this machine; empty if there is none."""
    for tree in (Path(environ.get(VARIABLE) or TOOLS / _IN_TOOLS), Path(MACHINES_OWN)):
        if (tree / _PROGRAM).exists():
            return str(tree.absolute())
    return ""
