"""The template from which tenants make networks with one Elastic IP each, which the IPAM driver requests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Network

from edgewrap.opennebula.kinds.access import too_open
from edgewrap.opennebula.kinds.base import MARK_ATTRIBUTE
from edgewrap.opennebula.kinds.object_kind import Desired, DiffContext, SingleObject
from edgewrap.opennebula.kinds.operation import Operation, deletion
from edgewrap.opennebula.kinds.template import Template
from edgewrap.opennebula.kinds.update import ObjectUpdate, copyable_creation, id_text
from edgewrap.opennebula.kinds.values import parsed_address
from edgewrap.opennebula.kinds.virtual_network import BRIDGE, PUBLIC_NETWORK, mtu_pending
from edgewrap.opennebula.kinds.vn_template import TemplateFacts
from edgewrap.outputs import UNKNOWN

AS_THE_PUBLIC_NETWORK = (
    "VN_MAD",
    "BRIDGE",
    "PHYDEV",
    "NETROLE",
    "FILTER_IP_SPOOFING",
    "FILTER_MAC_SPOOFING",
    "DNS",
    "GUEST_MTU",
)


class ElasticIpTemplate(SingleObject[TemplateFacts, Desired]):
    """The template for tenants, if the spec has `self_service`."""

    facts = TemplateFacts
    key = "elastic-ip-template"

    def desired(self, context: DiffContext) -> Sequence[Desired]:
        return super().desired(context) if context.spec.public_network.self_service else ()

    def desired_object(self, context: DiffContext) -> Desired:
        public, existing = PUBLIC_NETWORK.desired_object(context).attributes, context.ours.one(self)
        cluster = context.identity.cluster
        pending = existing is None and mtu_pending(context.reports, context.ours.one(PUBLIC_NETWORK))
        attributes: Template = {
            **{name: public[name] for name in AS_THE_PUBLIC_NETWORK},
            **({"GUEST_MTU": UNKNOWN} if pending else {}),  # networks that are made from it keep what it has
            "AR": {"EDGEWRAP_CLUSTER": cluster, "IPAM_MAD": "edgewrap", "SIZE": "1", "TYPE": "IP4"},
            "CLUSTER_IDS": id_text(context.cluster_id),
            MARK_ATTRIBUTE: context.identity.mark(self.key, existing.id if existing else None),
        }
        return Desired(self.key, f"{cluster}-elastic-ip", attributes)

    def diff(self, context: DiffContext, wanted: Sequence[Desired]) -> list[Operation]:
        existing = context.ours.one(self)
        if existing is not None and not wanted:
            return [deletion(existing, self.key)]
        return super().diff(context, wanted)

    def diff_object(self, context: DiffContext, existing: TemplateFacts | None, wanted: Desired) -> list[Operation]:
        if existing is None:
            return [copyable_creation(TemplateFacts, wanted, context.identity)]
        update = ObjectUpdate(existing)
        update.contents(wanted, context.identity)
        return update.operation(wanted)

    def warnings(self, context: DiffContext, wanted: Desired) -> Iterator[str]:
        """Addresses of the cluster that tenants' networks have, and that the driver did not give them."""
        existing = context.ours.one(self)
        if existing is None:
            return
        yield too_open(existing)
        blocks = [IPv4Network(group.block) for group in context.outputs.groups.values()]
        holders: dict[str, list[str]] = {}
        for network in context.facts.networks:
            on_bridge = network.ranges if network.bridge == BRIDGE else ()
            for one in on_bridge:
                place = parsed_address(one.address)
                if network.parent is None and place and any(place in block for block in blocks):
                    holders.setdefault(one.address, []).append(f"the {network} of {network.owner}")
                    if network.from_template == existing.id and not one.by_driver:
                        yield (
                            f"the {network} of {network.owner} has {one.address}, which the IPAM driver did not give "
                            "it: its VMs could take over another VM's Elastic IP "
                            f"(`onevnet rmar {network.id} {one.id}`)"
                        )
        for address, found in holders.items():
            if len(found) > 1:
                yield (
                    f"{address} is in {' and in '.join(found)}: only the range whose EDGEWRAP_REQUEST is the tag "
                    "edgewrap:request of the Elastic IP was given it"
                )


ELASTIC_IP_TEMPLATE = ElasticIpTemplate()
