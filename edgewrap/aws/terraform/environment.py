"""The environment of terraform: AWS's own variables, and nothing that could change what terraform does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

KEPT = ("TF_LOG", "TF_TOKEN_", "TF_PLUGIN_CACHE_DIR")
"""Prefixes of the TF_ variables that stay: logging, registry sign-ins, a cache of the large provider."""

OURS = {"TF_IN_AUTOMATION": "1", "TF_INPUT": "0", "CHECKPOINT_DISABLE": "1"}


def terraform_environment(environ: Mapping[str, str], cli_configuration: Path) -> dict[str, str]:
    """The environment of every terraform call; terraform's own settings are in the file `cli_configuration`.

    The user's variables (TF_VAR_…), arguments (TF_CLI_ARGS…), workspace or data directory would make terraform do
    something else than the plan shown, so they are left out.
    """
    kept = {name: value for name, value in environ.items() if not name.startswith("TF_") or name.startswith(KEPT)}
    return {**kept, **OURS, "TF_CLI_CONFIG_FILE": str(cli_configuration)}


def cli_configuration_text(plugin_dir: Path | None) -> str:
    """Terraform's own CLI configuration: providers from a directory if one is named, else from the registry."""
    text = "# Written by edgewrap.\ndisable_checkpoint = true\n"
    if plugin_dir is None:
        return text
    path = json.dumps(str(plugin_dir.absolute()), ensure_ascii=False)
    return f"{text}provider_installation {{\n  filesystem_mirror {{\n    path = {path}\n  }}\n}}\n"
