"""Which repository of OpenNebula's a new host installs its packages from."""

from __future__ import annotations

import re

from edgewrap.errors import RefusedChangeError
from edgewrap.first_boot.files import follows_front_end, sets_itself_up
from edgewrap.spec.models import Spec


def decide_version(spec: Spec, previous: str, front_end: str) -> str:
    """The repository's name (`7.0`); empty if hosts get no user data.

    `auto` follows the front-end, whose own version is `front_end` (`7.0.2`); if that could not be read, the
    `previous` decision is kept. Raises RefusedChangeError if there is none.
    """
    if not sets_itself_up(spec):
        return ""
    if not follows_front_end(spec):
        return spec.opennebula.version
    if series := re.match(r"\d+\.\d+(?!\d)", front_end):
        return series[0]
    if previous:
        return previous
    raise RefusedChangeError(
        [
            "opennebula.version: `auto` takes the front-end's version, and it could not be read; write the version, "
            "such as `version: 7.0`"
        ]
    )
