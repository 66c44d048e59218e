"""The template that tenants make their private networks from: VXLAN over the hosts' BGP-EVPN."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgewrap.change import Action
from edgewrap.opennebula.kinds.base import MARK_ATTRIBUTE, Existing, Kind, common
from edgewrap.opennebula.kinds.operation import Call, Operation, Ref, Step, change, filled, shown
from edgewrap.opennebula.kinds.ownership import TEMPLATE_KEY, Identity
from edgewrap.opennebula.kinds.template import Template, Value, text_of
from edgewrap.opennebula.kinds.update import LEAVE_GROUP, ObjectUpdate, id_text
from edgewrap.opennebula.kinds.virtual_network import VXLAN_OVERHEAD
from edgewrap.outputs import UNKNOWN, HostReport
from edgewrap.spec.models import PrivateNetwork

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element


@dataclass(frozen=True, slots=True)
class TemplateFacts(Existing):
    """A virtual network template."""


@dataclass(frozen=True, slots=True)
class DesiredTemplate:
    """The private network template as it should be."""

    name: str
    attributes: Template


@dataclass(frozen=True, slots=True)
class Phydev:
    """The interface that private networks go out of: empty where it is not known. `warning` says why, or what is
    wrong with it."""

    name: str
    warning: str = ""


def parse(pool: Element) -> tuple[TemplateFacts, ...]:
    """The answer of one.vntemplatepool.info."""
    return tuple(TemplateFacts(*common(Kind.TEMPLATE, element)) for element in pool.findall("VNTEMPLATE"))


def phydev(wanted: str, reports: Mapping[str, HostReport], existing: TemplateFacts | None) -> Phydev:
    """The spec's own, or with `auto` the interface of the hosts' default routes, which must be the same everywhere.

    Where no host tells it, a template that is there keeps its own.
    """
    if wanted != "auto":
        return Phydev(wanted)
    present = text_of(existing.template, "PHYDEV") if existing else ""
    told = {key: report.phydev for key, report in reports.items() if report.phydev not in ("", UNKNOWN)}
    if len(set(told.values())) > 1:
        listed = ", ".join(f"{key}: {name}" for key, name in told.items())
        return Phydev(
            present, f"the hosts' default routes go out of different interfaces ({listed}): set private_network.phydev"
        )
    if told:
        return Phydev(next(iter(told.values())))
    if existing is not None:
        return Phydev(present)
    if any(report.phydev == UNKNOWN for report in reports.values()):
        return Phydev(UNKNOWN)
    return Phydev(
        "", "no host tells which interface private networks go out of: the template waits for the hosts plane"
    )


def mtu(wanted: int, underlay: int | None, existing: TemplateFacts | None) -> int:
    """The MTU of private networks in bytes: the spec's, or what the hosts' underlay leaves of it to VXLAN's payload.

    If no host ever reported the underlay's, a template that is there keeps a lower one.
    """
    if underlay is not None:
        return min(wanted, underlay - VXLAN_OVERHEAD)
    present = text_of(existing.template, "MTU") if existing else ""
    return min(wanted, int(present)) if present.isdecimal() else wanted


def desired(
    identity: Identity, network: PrivateNetwork, device: str, cluster_id: int | None, passes: int | None = None
) -> DesiredTemplate:
    """The private network template. `passes` is the MTU where it is not the spec's."""
    attributes: dict[str, Value] = {
        "VN_MAD": "vxlan",
        "VXLAN_MODE": "evpn",
        "VXLAN_TEP": "dev",
        "IP_LINK_CONF": "nolearning=",
        "AUTOMATIC_VLAN_ID": "YES",
        "NETROLE": "private",
        "PHYDEV": device,
        "MTU": str(passes or network.mtu),
        "CLUSTER_IDS": id_text(cluster_id),
        MARK_ATTRIBUTE: identity.mark(TEMPLATE_KEY).attributes(),
    }
    return DesiredTemplate(f"{identity.cluster}-private", attributes)


def diff(existing: TemplateFacts | None, wanted: DesiredTemplate, identity: Identity) -> list[Operation]:
    """What makes the template as it should be."""
    if existing is None:
        return [_creation(wanted, identity)]
    update = ObjectUpdate(existing)
    update.attributes(wanted.attributes)
    update.name(wanted.name)
    update.owner(identity.owner_uid)
    return update.operation(TEMPLATE_KEY, wanted.name)


def _creation(wanted: DesiredTemplate, identity: Identity) -> Operation:
    template: dict[str, Value] = {"NAME": wanted.name, **filled(wanted.attributes)}
    steps: list[Step] = [Call("vntemplate.allocate", (template,))]
    if identity.owner_uid != identity.user_uid:
        steps.append(Call("vntemplate.chown", (Ref(TEMPLATE_KEY), identity.owner_uid, LEAVE_GROUP)))
    created = change(Kind.TEMPLATE.word, wanted.name, Action.CREATE, after=shown(wanted.attributes))
    return Operation(TEMPLATE_KEY, created, tuple(steps))
