"""What `make install` provides in the checkout for the lab, which cannot download anything itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import edgewrap

TOOLS = Path(edgewrap.__file__).parent.parent / ".tools"
PLUGIN_DIR = "EDGEWRAP_PLUGIN_DIR"


def find_providers(environ: Mapping[str, str], tools: Path = TOOLS) -> str:
    """The mirror of Terraform's providers: the one that EDGEWRAP_PLUGIN_DIR names, otherwise that of `make providers`;
    empty if there is none."""
    made = tools / "providers"
    return environ.get(PLUGIN_DIR) or (str(made) if any(made.glob("*/hashicorp/aws/*/*/*")) else "")
