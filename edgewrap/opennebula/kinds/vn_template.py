"""The template from which tenants create their private networks: VXLAN over the hosts' BGP-EVPN."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edgewrap.opennebula.kinds.access import too_open
from edgewrap.opennebula.kinds.base import EVERY_OBJECT, MARK_ATTRIBUTE, Existing
from edgewrap.opennebula.kinds.object_kind import Desired, DiffContext, SingleObject
from edgewrap.opennebula.kinds.operation import Operation
from edgewrap.opennebula.kinds.template import Template, text_of
from edgewrap.opennebula.kinds.update import ObjectUpdate, copyable_creation, id_text
from edgewrap.opennebula.kinds.values import parsed
from edgewrap.opennebula.kinds.virtual_network import PUBLIC_NETWORK, VXLAN_OVERHEAD, mtu_pending, underlay_mtu
from edgewrap.outputs import UNDERLAY_MTUS, UNKNOWN, HostReport


@dataclass(frozen=True, slots=True)
class TemplateFacts(Existing):
    kind = "virtual network template"
    api = "vntemplate"
    tag = "VNTEMPLATE"
    pool_arguments = EVERY_OBJECT
    lockable = True


class PrivateTemplate(SingleObject[TemplateFacts, Desired]):
    facts = TemplateFacts
    key = "private-template"

    def desired_object(self, context: DiffContext) -> Desired:
        spec, existing = context.spec.private_network, context.ours.one(self)
        network = context.ours.one(PUBLIC_NETWORK)
        pending = mtu_pending(context.reports, network)
        mtu = _mtu(spec.mtu, underlay_mtu(context.reports, network), existing)
        attributes: Template = {
            "VN_MAD": "vxlan",
            "VXLAN_MODE": "evpn",
            "VXLAN_TEP": "dev",
            "IP_LINK_CONF": "nolearning=",
            "AUTOMATIC_VLAN_ID": "YES",
            "NETROLE": "private",
            "PHYDEV": _phydev(spec.phydev, context.reports, existing)[0],
            "MTU": UNKNOWN if pending else str(mtu),
            "CLUSTER_IDS": id_text(context.cluster_id),
            MARK_ATTRIBUTE: context.identity.mark(self.key, existing.id if existing else None),
        }
        return Desired(self.key, f"{context.identity.cluster}-private", attributes)

    def diff_object(self, context: DiffContext, existing: TemplateFacts | None, wanted: Desired) -> list[Operation]:
        """Without an interface there is no template yet."""
        if existing is None:
            return [copyable_creation(TemplateFacts, wanted, context.identity)] if wanted.attributes["PHYDEV"] else []
        update = ObjectUpdate(existing)
        update.contents(wanted, context.identity)
        return update.operation(wanted)

    def warnings(self, context: DiffContext, wanted: Desired) -> list[str]:
        existing = context.ours.one(self)
        _device, warning = _phydev(context.spec.private_network.phydev, context.reports, existing)
        return [warning, too_open(existing) if existing else ""]


PRIVATE_TEMPLATE = PrivateTemplate()


def _phydev(wanted: str, reports: Mapping[str, HostReport], existing: TemplateFacts | None) -> tuple[str, str]:
    """The interface of private networks, empty if it is not known; and a warning why, or what is wrong with it.

    It is the spec's, or with `auto` that of the hosts' default routes, which must be the same on all hosts. If no host
    reports one, an existing template keeps its own.
    """
    if wanted != "auto":
        return wanted, ""
    present = text_of(existing.template, "PHYDEV") if existing else ""
    reported = {key: report.phydev for key, report in reports.items() if report.phydev not in ("", UNKNOWN)}
    names = set(reported.values())
    if len(names) > 1:
        listed = ", ".join(f"{key}: {name}" for key, name in reported.items())
        return present, f"the hosts' default routes use different interfaces ({listed}): set private_network.phydev"
    if names:
        return names.pop(), ""
    if existing is not None:
        return present, ""
    if any(report.phydev == UNKNOWN for report in reports.values()):
        return UNKNOWN, ""
    return "", "no host has reported the interface of private networks: a run with the hosts plane creates the template"


def _mtu(wanted: int, underlay: int | None, existing: TemplateFacts | None) -> int:
    """The MTU of private networks in bytes: the spec's, or what the hosts' underlay leaves for VXLAN's payload.

    If no host ever reported the underlay's, an existing template keeps a lower one.
    """
    if underlay is not None:
        return min(wanted, underlay - VXLAN_OVERHEAD)
    present = parsed(text_of(existing.template, "MTU")) if existing else None
    return min(wanted, present) if present is not None and present + VXLAN_OVERHEAD in UNDERLAY_MTUS else wanted
