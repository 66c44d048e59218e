"""The user data of a new host: a cloud-config document with the files of the first-boot setup; it runs the script.

It is one script rather than cloud-init's own `apt` and `packages`: those neither wait for another package manager nor
retry a mirror, and the script can be re-run on a host where it failed.
"""

from __future__ import annotations

from typing import Any

import yaml

from edgewrap.first_boot.files import SCRIPT, setup_files
from edgewrap.spec.models import Spec

EC2_LIMIT = 16384
"""Bytes of user data that EC2 takes, before base64."""


class _Dumper(yaml.SafeDumper):
    """Texts of several lines as blocks, so that the document can be read in the EC2 console."""


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def user_data(spec: Spec, version: str) -> str:
    """The document. `version` names OpenNebula's repository (`7.0`).

    Raises ValueError if the spec has no `opennebula.oneadmin_public_key`.
    """
    files = [
        {"path": file.path, "permissions": file.mode, "owner": "root:root", "content": file.text}
        for file in setup_files(spec, version)
    ]
    document: dict[str, Any] = {"write_files": files, "runcmd": [["sh", SCRIPT]]}
    return "#cloud-config\n" + yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=False, width=120)
