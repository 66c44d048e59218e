"""The forms of single values: what a region, a CIDR or a port looks like, each with the rule that an error names.

In the models a form is an annotation, `Annotated[str, REGION]`; in the JSON Schema it is a pattern. Rules never repeat
the value itself: it may come from the environment.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv4Interface, IPv4Network
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, PlainValidator, SecretStr
from pydantic.json_schema import JsonSchemaValue, WithJsonSchema
from pydantic_core import CoreSchema, core_schema

from edgewrap.spec.public_key import check_public_key

RULE, ENVIRONMENT = "x-rule", "x-environment"
"""Keys of ours in the JSON Schema: the rule for a person, and whether `${env:NAME}` may fill the value in."""

HIGHEST_PORT = 65535
LARGEST_TAG_KEY = 128
LARGEST_TAG_VALUE = 256


@dataclass(frozen=True, slots=True)
class Form:
    """A text of one pattern (matched whole), and the rule for a person: it follows the word "must be"."""

    pattern: str
    rule: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return handler(core) | {"pattern": f"^(?:{self.pattern})$", RULE: self.rule}

    def check(self, text: str) -> str:
        """The text itself; raises ValueError with the rule if it has another form."""
        if re.fullmatch(self.pattern, text) is None:
            raise ValueError(f"must be {self.rule}")
        return text


def described(rule: str) -> Any:
    """The rule of a form that no pattern alone can check, for `docs/spec.md`."""
    return Field(json_schema_extra={RULE: rule})


def _schema(rule: str, **schema: Any) -> WithJsonSchema:
    """The JSON Schema of a form that pydantic has none for, and its rule."""
    return WithJsonSchema({**schema, RULE: rule})


class FromEnvironment:
    """Marks a text that `${env:NAME}` may fill in: one that is needed only while a run lasts. All other values
    end up in Terraform's files and state, which hold nothing from the environment."""

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema = handler(core) | {ENVIRONMENT: True}
        return schema | {"pattern": schema["pattern"] + r"|\$\{env:"} if "pattern" in schema else schema


FROM_ENVIRONMENT = FromEnvironment()

_REGION = r"[a-z]{2,4}(?:-[a-z]+)+-[0-9]{1,2}"
REGION = Form(_REGION, "an AWS region such as eu-west-3")
ZONE = Form(rf"auto|{_REGION}[a-z]", "`auto` or a zone of the region, such as eu-west-3a (no Local or Wavelength Zone)")
NAME = Form(
    r"(?!sg-)[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?",
    "1 to 40 lower-case letters, digits and hyphens, beginning with a letter (not with sg-, which AWS refuses in names "
    "of security groups) and not ending with a hyphen: it becomes part of names in AWS and OpenNebula",
)
_ID = "[0-9a-f]{8}(?:[0-9a-f]{9})?"
VpcId = Annotated[str, Form(f"vpc-{_ID}", "the id of a VPC, such as vpc-0123456789abcdef0")]
SubnetId = Annotated[str, Form(f"subnet-{_ID}", "the id of a subnet, such as subnet-0123456789abcdef0")]
ALLOCATION_ID = Form(f"eipalloc-{_ID}", "the allocation id of an Elastic IP, such as eipalloc-0123456789abcdef0")
EXISTING_KEY = Form(
    r"(?!(?:eip|group|host)-)[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?",
    "a key of 1 to 40 lower-case letters, digits and hyphens that does not begin with eip-, group- or host-",
)
InstanceProfile = Annotated[str, Form(r"[A-Za-z0-9_+=,.@-]{1,128}", "the name of an instance profile, not its ARN")]
PlacementGroup = Annotated[
    str, Form(r"[!-~](?:[ -~]{0,253}[!-~])?", "the name of a placement group: at most 255 ASCII characters")
]
CAPACITY_RESERVATION = Form(rf"open|none|cr-{_ID}", "open, none or the id of a Capacity Reservation")
INSTANCE_TYPE = Form(r"[a-z][a-z0-9-]*\.[a-z0-9]+(?:-[a-z0-9]+)*", "an EC2 instance type such as c5.metal")
AMI = Form(rf"ubuntu-24\.04|ubuntu-22\.04|ami-{_ID}", "ubuntu-24.04, ubuntu-22.04 or the id of an AMI")
DESCRIPTION = Form(
    r"[0-9A-Za-z ._\-:/()#,@\[\]+=&;{}!$*]{0,255}",
    "at most 255 ASCII letters, digits, spaces and ._-:/()#,@[]+=&;{}!$*, as AWS allows",
)
INTERFACE = Form(r"auto|[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}", "`auto` or the name of a network interface")
VERSION = Form(r"auto|[0-9]+\.[0-9]+(?:\.[0-9]+)?", "`auto` or a version of OpenNebula, such as 7.0")
REPLICA = Form(r"auto|none|host-(?:0|[1-9][0-9]{0,4})", "`auto`, `none` or the key of a host, such as host-2")
_LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
HostName = Annotated[str, Form(rf"(?=.{{1,253}}$){_LABEL}(?:\.{_LABEL})*", "a host name such as one.example.org")]
USER = Form(r"[a-z_][a-z0-9_-]{0,31}", "the name of a user on the hosts, such as ubuntu")
BUCKET = Form(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", "the name of an S3 bucket")
OBJECT_KEY = Form(
    r"(?!/)(?!.*//)[A-Za-z0-9!_.*'()/-]{0,999}[A-Za-z0-9!_.*'()-]",
    "an S3 object key of at most 1000 letters, digits and !_.*'()/-, no slash at its ends, no two in a row",
)
LINE = Form(r"[^\x00-\x1f\x7f]+", "one line of text, not empty")
LOCAL_PATH = Form(
    r"(?!ssh-|ecdsa-|sk-)(?:~/|[^~\x00-\x1f\x7f])[^\x00-\x1f\x7f]*", "the path of a file (not its text), such as ~/file"
)

PLACEHOLDERS = ("instance_id", "host")


def _proxy_command(text: str) -> str:
    """One line for a shell. What ssh would fill in, or another placeholder, would reach the program as it is."""
    braces = re.findall(r"(?<![$%])\{(\w+)\}", text)
    tokens = re.search(r"(?<![%\w])%[hnpr](?!\w)", text)
    if tokens or any(name not in PLACEHOLDERS for name in braces):
        raise ValueError(
            "must have no placeholders but {instance_id} and {host}: write {host} for `%h`, and 22 for `%p` or `{port}`"
        )
    return LINE.check(text)


ProxyCommand = Annotated[
    str,
    AfterValidator(_proxy_command),
    described("one line of text, not empty; no placeholders but `{instance_id}` and `{host}`"),
]
LocalPath = Annotated[str, LOCAL_PATH, FROM_ENVIRONMENT]


def _description(text: str) -> str:
    """Names the first character that AWS refuses in a rule's description."""
    for character in text:
        if re.fullmatch(DESCRIPTION.pattern, character) is None:
            raise ValueError(f"must not contain {character!a}; it must be {DESCRIPTION.rule}")
    return DESCRIPTION.check(text)


Description = Annotated[
    str, AfterValidator(_description), _schema(DESCRIPTION.rule, type="string", pattern=f"^{DESCRIPTION.pattern}$")
]


_NO_IPV4_NETWORK = (
    (r"[0-9A-Fa-f.:]*:[0-9A-Fa-f.:]*(/[0-9]+)?", "the VPC has no IPv6, so nothing has to be allowed"),
    (r"pl-[0-9a-f]+", "write the networks of the prefix list instead (`aws ec2 get-managed-prefix-list-entries`)"),
    (r"sg-[0-9a-f]+", "write the addresses of the security group's members instead"),
)
"""What AWS takes as the source of a rule, and edgewrap does not, and what to write instead."""


def _network(value: Any) -> IPv4Network:
    """An IPv4 network in CIDR form, its host bits zero."""
    if isinstance(value, IPv4Network):
        return value
    for pattern, advice in _NO_IPV4_NETWORK:
        if isinstance(value, str) and re.fullmatch(pattern, value):
            raise ValueError(f"must be an IPv4 network in CIDR form: {advice}")
    if not isinstance(value, str) or re.fullmatch(r"[0-9.]+/[0-9]{1,2}", value) is None:
        raise ValueError("must be an IPv4 network in CIDR form, such as 10.0.0.0/16; one address is 203.0.113.5/32")
    try:
        exact = IPv4Interface(value).network
    except ValueError:
        raise ValueError("must be an IPv4 network in CIDR form: four numbers up to 255 and a prefix up to 32") from None
    if str(exact.network_address) != value.split("/")[0]:
        raise ValueError(f"must have no host bits set: write {exact}")
    return exact


def _address(value: Any) -> IPv4Address:
    """An IPv4 address; a number is not one."""
    if isinstance(value, IPv4Address):
        return value
    try:
        return IPv4Address(value if isinstance(value, str) else "")
    except AddressValueError:
        raise ValueError("must be an IPv4 address such as 1.1.1.1") from None


Cidr = Annotated[
    IPv4Network,
    PlainValidator(_network),
    _schema("IPv4 in CIDR form, host bits zero", type="string", pattern=r"^(?:[0-9]{1,3}\.){3}[0-9]{1,3}/[0-9]{1,2}$"),
]
Address = Annotated[IPv4Address, PlainValidator(_address), _schema("IPv4 addresses", type="string", format="ipv4")]


def port_range(ports: int | str) -> tuple[int, int]:
    """The lowest and the highest port of `443`, `8000-8100` or `all`; raises ValueError with the rule."""
    rule = "must be one port, a range low-high, or `all`; ports are 1 to 65535"
    if ports == "all":
        return 0, HIGHEST_PORT
    found = re.fullmatch(r"([0-9]{1,5})(?:-([0-9]{1,5}))?", str(ports), re.ASCII)
    if isinstance(ports, bool) or not isinstance(ports, int | str) or found is None:
        raise ValueError(rule)
    low, high = int(found[1]), int(found[2] or found[1])
    if low > high:
        raise ValueError(f"must be a range low-high: write {high}-{low}")
    if low < 1 or high > HIGHEST_PORT:
        raise ValueError(rule)
    return low, high


def canonical_ports(low: int, high: int) -> int | str:
    """The one way to write a range of ports: `443`, `8000-8100` or `all`."""
    if (low, high) == (0, HIGHEST_PORT):
        return "all"
    return low if low == high else f"{low}-{high}"


_PORTS = {"type": "string", "pattern": "^(?:all|[0-9]{1,5}(?:-[0-9]{1,5})?)$"}
Ports = Annotated[
    int | str,
    PlainValidator(lambda value: canonical_ports(*port_range(value))),
    _schema("ports are 1 to 65535", anyOf=[{"type": "integer", "minimum": 1, "maximum": HIGHEST_PORT}, _PORTS]),
]


PROTOCOLS = ("tcp", "udp", "icmp", "all")
_PROTOCOL_NUMBERS = {"-1": "all", "1": "icmp", "6": "tcp", "17": "udp"}


def _protocol(value: Any) -> str:
    """One of PROTOCOLS. AWS has others, too: what to write instead of them."""
    rule = "must be `tcp`, `udp`, `icmp` or `all`"
    if value in PROTOCOLS:
        return str(value)
    if known := _PROTOCOL_NUMBERS.get(str(value)):
        raise ValueError(f"{rule}: write `{known}`")
    if str(value) in ("icmpv6", "ipv6-icmp", "58"):
        raise ValueError(f"{rule}: the VPC has no IPv6")
    if str(value).isdecimal() or value in ("esp", "ah", "gre", "sctp"):
        raise ValueError(f"{rule}: edgewrap has no other protocols; write `all` with the networks that need this one")
    raise ValueError(rule)


Protocol = Annotated[str, PlainValidator(_protocol), WithJsonSchema({"type": "string", "enum": list(PROTOCOLS)})]


def _datastore(value: Any) -> int | str:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    if isinstance(value, str) and re.fullmatch(_DATASTORE_NAME, value) and not value.isdecimal():
        return value
    raise ValueError("must be the id of a datastore (a number without quotes) or its name")


_DATASTORE_NAME = r"[^\x00-\x1f\x7f&|:\\\";/'#{}$<>]{1,128}"
_DATASTORES = [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": f"^(?![0-9]+$){_DATASTORE_NAME}$"}]
Datastore = Annotated[
    int | str, PlainValidator(_datastore), _schema("each the id or the name of a datastore", anyOf=_DATASTORES)
]


def _url(text: str) -> str:
    """An http or https URL without a user, a password or a query: it never holds credentials."""
    rule = "must be an http or https URL such as http://frontend:2633/RPC2"
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        raise ValueError(rule) from None
    if url.username is not None or url.password is not None:
        raise ValueError("must not contain a user or a password: credentials are never in the spec")
    wrong_host = re.fullmatch(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*", url.hostname or "") is None
    if url.scheme not in ("http", "https") or wrong_host or port == 0 or url.query or url.fragment:
        raise ValueError(rule)
    return LINE.check(text)


def _session_password(password: SecretStr) -> SecretStr:
    """A text that FRR accepts unquoted; its limit is 80 characters."""
    if re.fullmatch(r"[!-~]{1,80}", password.get_secret_value()) is None:
        raise ValueError("must be 1 to 80 ASCII characters without spaces")
    return password


SessionPassword = Annotated[
    SecretStr, AfterValidator(_session_password), described("1 to 80 ASCII characters without spaces")
]
Url = Annotated[str, AfterValidator(_url), described("an http or https URL without user, password or query")]


_TAG_CATEGORIES = {"Lu", "Ll", "Lt", "Lm", "Lo", "Nd", "Nl", "No", "Zs"}


def _tag_text(text: str) -> str:
    for character in text:
        if unicodedata.category(character) not in _TAG_CATEGORIES and character not in "_.:/=+-@":
            raise ValueError(
                f"must contain only letters, digits, spaces and _.:/=+-@ as AWS's tags do, not {character!a}"
            )
    return text


def _tag_key(text: str) -> str:
    if not 1 <= len(text) <= LARGEST_TAG_KEY:
        raise ValueError(f"a tag's key must have 1 to {LARGEST_TAG_KEY} characters")
    if text.lower().startswith("aws:"):
        raise ValueError("a tag's key must not begin with aws: (reserved by AWS)")
    if text == "Name" or text.lower().startswith("edgewrap:"):
        raise ValueError("a tag's key must not be Name or begin with edgewrap: (edgewrap sets these)")
    return _tag_text(text)


def _tag_prefix(text: str) -> str:
    if not 1 <= len(text) <= LARGEST_TAG_KEY:
        raise ValueError(f"a prefix must have 1 to {LARGEST_TAG_KEY} characters")
    if "Name".startswith(text) or "edgewrap:".startswith(text) or text.startswith("edgewrap:"):
        raise ValueError("must be a prefix that neither Name nor edgewrap's own tags (edgewrap:…) begin with")
    return _tag_text(text)


def _tag_value(text: str) -> str:
    if len(text) > LARGEST_TAG_VALUE:
        raise ValueError(f"a tag's value must have at most {LARGEST_TAG_VALUE} characters")
    return _tag_text(text)


TagKey = Annotated[
    str, AfterValidator(_tag_key), described("keys of 1 to 128 characters, not `Name`, `aws:…`, `edgewrap:…`")
]
TagPrefix = Annotated[
    str, AfterValidator(_tag_prefix), described("prefixes of 1 to 128 characters, not of `Name` or `edgewrap:`")
]
TagValue = Annotated[
    str, AfterValidator(_tag_value), described("values of at most 256; both of letters, digits, spaces and `_.:/=+-@`")
]

PublicKey = Annotated[
    str, AfterValidator(check_public_key), described("as a line of an OpenSSH public key file, without options")
]


def distinct(kind: str) -> AfterValidator:
    """A list without repetitions; `kind` names its items in the rule."""

    def check(items: tuple[Any, ...]) -> tuple[Any, ...]:
        seen: set[Any] = set()
        for position, item in enumerate(items, start=1):
            if item in seen:
                raise ValueError(f"must name each {kind} once: item {position} repeats one before it")
            seen.add(item)
        return items

    return AfterValidator(check)
