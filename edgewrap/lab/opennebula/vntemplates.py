"""Virtual network templates, and the networks made from them."""

from __future__ import annotations

from collections.abc import Sequence

from edgewrap.lab.opennebula import networks, xml
from edgewrap.lab.opennebula.auth import require_create
from edgewrap.lab.opennebula.calls import Calls, Code, Refusal
from edgewrap.lab.opennebula.common import Kind, common_calls, existing_cluster, owner_xml, parse, pool_calls
from edgewrap.lab.opennebula.frontend import FrontEnd
from edgewrap.lab.opennebula.locks import lock_calls
from edgewrap.lab.opennebula.records import DEFAULT_CLUSTER, NetworkTemplate, User


def render(one: FrontEnd, templates: Sequence[NetworkTemplate], _full: bool) -> list[str]:
    """Network templates as XML."""
    return [
        f"<VNTEMPLATE>{owner_xml(one, template)}{xml.permissions(template.permissions)}"
        f"<REGTIME>{template.registered}</REGTIME>{template.template.xml()}</VNTEMPLATE>"
        for template in templates
    ]


KIND = Kind(NetworkTemplate, "vntemplate", "virtual network template", "VN TEMPLATE", "VNTEMPLATE_POOL", render)
calls = Calls(common_calls(KIND) | pool_calls(KIND, "vntemplatepool", filtered=True) | lock_calls(KIND))


@calls.method("one.vntemplate.allocate")
def allocate(one: FrontEnd, user: User, text: str) -> int:
    """A new template."""
    require_create(user, "VNTEMPLATE")
    template = parse(text)
    name = KIND.check_name(one, template.get("NAME"), user.id)
    if not template.get("VN_MAD"):
        raise Refusal(Code.INTERNAL, "Error inserting Template in DB. VN_MAD is mandatory")
    record = NetworkTemplate(
        id=one.store.next_id(NetworkTemplate),
        name=name,
        uid=user.id,
        gid=user.gid,
        template=template.without("NAME"),
        registered=one.now,
    )
    return one.store.put(record).id


@calls.method("one.vntemplate.delete")
def delete(one: FrontEnd, user: User, number: int) -> int:
    """Delete a template; the networks created from it stay."""
    one.store.drop(KIND.owned(one, user, number, "MANAGE"))
    return number


@calls.method("one.vntemplate.instantiate")
def instantiate(one: FrontEnd, user: User, number: int, name: str, text: str = "") -> int:
    """A network from the template and the caller's attributes; CLUSTER_IDS takes effect, and all marks are
    inherited."""
    source = KIND.owned(one, user, number, "USE")
    template = source.template.merged(parse(text)) if text.strip() else source.template
    wanted = [part.strip() for part in template.get("CLUSTER_IDS").split(",") if part.strip()]
    clusters = tuple(existing_cluster(one, int(part)) for part in wanted if part.isdecimal()) or (DEFAULT_CLUSTER,)
    template = template.with_({"NAME": name or f"{source.name}-{number}"})
    if not one.release.network_template_id:
        template = template.with_({"TEMPLATE_ID": str(number)})
    return networks.create(one, user, template, clusters, template_id=number).id
