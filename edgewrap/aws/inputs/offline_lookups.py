"""Placeholders instead of lookups, for a render without AWS."""

from __future__ import annotations

import hashlib

from edgewrap.aws.clients import Clients
from edgewrap.aws.inputs.lookups import AwsLookups
from edgewrap.aws.inputs.model import InterfaceLimits
from edgewrap.spec.models import Spec

UUID = "00000000-0000-0000-0000-000000000000"


class OfflineLookups:
    """Well-formed placeholders for what only AWS knows; never for an apply.

    The interfaces are c5.metal's. The public key is the user's own: it is a file of this machine.
    """

    def __init__(self, spec: Spec) -> None:
        self._spec = spec

    def new_uuid(self) -> str:
        """A UUID that no cluster has."""
        return UUID

    def first_zone(self, preferred: str = "") -> str:
        """The zone `preferred`, else the first of the region."""
        return preferred or f"{self._spec.aws.region}a"

    def image(self) -> str:
        """An id without an image, the same for the same name."""
        return f"ami-{hashlib.sha256(self._spec.hosts.ami.encode()).hexdigest()[:17]}"

    def interface_limits(self) -> InterfaceLimits:
        """Those of c5.metal."""
        return InterfaceLimits(interfaces=15, addresses_per_interface=50)

    def public_key(self) -> str:
        """The text of the user's public key file."""
        return AwsLookups(self._spec, Clients(self._spec, {})).public_key()
