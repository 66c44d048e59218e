"""The forms of single values of Terraform's state and of AWS's answers: ids, addresses and keys.

The values end up on command lines, in scripts and in other systems, so any other form is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import AddressValueError, IPv4Address, IPv4Network
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationError

from edgewrap.outputs import UNKNOWN
from edgewrap.spec.formats import EXISTING_KEY, Form
from edgewrap.spec.place import dotted, quoted

LONGEST_SHOWN = 60  # characters of a value in an error
NARROWEST = 28  # the longest prefix of a VPC or a subnet

ALLOCATION_ID = Form(r"eipalloc-[0-9a-f]{1,32}", "the id of an Elastic IP, such as eipalloc-0123456789abcdef0")
ASSOCIATION_ID = Form(r"eipassoc-[0-9a-f]{1,32}", "the id of an association, such as eipassoc-0123456789abcdef0")
GATEWAY_ID = Form(r"igw-[0-9a-f]{1,32}", "the id of an internet gateway, such as igw-0123456789abcdef0")
IMAGE_ID = Form(r"ami-[0-9a-z]{1,64}", "the id of an image, such as ami-0123456789abcdef0")
WORD = Form(r"(?=.{1,40}\Z)[a-z0-9]+(?:-[a-z0-9]+)*", "a state as AWS writes it, such as running")
_INDEX = r"(?:0|[1-9][0-9]{0,4})"


def address(text: str) -> str:
    """An IPv4 address; raises ValueError for anything else."""
    try:
        return str(IPv4Address(text))
    except AddressValueError:
        raise ValueError("must be an IPv4 address such as 10.0.0.10") from None


def _network(text: str) -> str:
    try:
        if str(IPv4Network(text)) == text:
            return text
    except ValueError:
        pass
    raise ValueError("must be an IPv4 network in CIDR form, such as 10.0.0.0/16")


def network(text: str) -> IPv4Network:
    """An IPv4 network of a VPC or a subnet; raises ValueError for anything else, also for one that AWS refuses."""
    found = IPv4Network(_network(text))
    if found.prefixlen > NARROWEST:
        raise ValueError(f"must have a prefix of /{NARROWEST} at most")
    return found


def _known(check: Callable[[str], str]) -> AfterValidator:
    """A text that passes `check`, or UNKNOWN if a plan cannot know it yet."""
    return AfterValidator(lambda text: text if text == UNKNOWN else check(text))


def _resource_id(prefix: str, what: str) -> AfterValidator:
    return _known(Form(rf"{prefix}-[0-9a-f]{{1,32}}", f"the id of {what}, such as {prefix}-0123456789abcdef0").check)


Address = Annotated[str, _known(address)]
Network = Annotated[str, _known(_network)]
OptionalAddress = Annotated[str, _known(lambda text: text and address(text))]
InstanceId = Annotated[str, _resource_id("i", "an instance")]
VpcId = Annotated[str, _resource_id("vpc", "a VPC")]
SubnetId = Annotated[str, _resource_id("subnet", "a subnet")]
InterfaceId = Annotated[str, _resource_id("eni", "a network interface")]
VolumeId = Annotated[str, _resource_id("vol", "a volume")]
Size = Annotated[int, Field(ge=0, le=65_536)]
AllocationId = Annotated[str, _known(ALLOCATION_ID.check)]
Mac = Annotated[str, _known(Form(r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}", "a MAC address such as 02:00:00:00:00:01").check)]
Uuid = Annotated[str, Form(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", "a UUID in lower case")]
Word = Annotated[str, _known(WORD.check)]
HostKey = Annotated[str, Form(rf"host-{_INDEX}", "the key of a host, such as host-0")]
GroupKey = Annotated[str, Form(rf"group-{_INDEX}", "the key of an interface group, such as group-0")]
ImageId = Annotated[str, IMAGE_ID]
EipKey = Annotated[str, Form(rf"eip-(?:x-)?{_INDEX}", "the key of an Elastic IP, such as eip-0")]
AnyEipKey = Annotated[
    str, Form(rf"eip-(?:x-)?{_INDEX}|{EXISTING_KEY.pattern}", "the key of an Elastic IP, such as eip-0 or office")
]


def first_problem(error: ValidationError) -> str:
    """The first value of another form: its place, the rule, and the value in quotes on one line, whatever it holds."""
    first = error.errors(include_url=False)[0]
    value, path = first["input"], tuple(step for step in first["loc"] if step != "[key]")
    rule = str(first["ctx"]["error"]) if first["type"] == "value_error" else first["msg"]
    too_long = isinstance(value, str) and len(value) > LONGEST_SHOWN
    short = f"{value[: LONGEST_SHOWN - 1]}…" if too_long else value
    shown = f" (value: {quoted(short)})" if isinstance(value, str) else ""
    return f"{dotted(path)}: {rule}{shown}" if path else f"{rule}{shown}"
