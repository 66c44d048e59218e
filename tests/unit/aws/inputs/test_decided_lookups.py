"""What a saved plan may decide: only what AWS could have answered. A file that was edited has no other effect."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from edgewrap.aws.inputs.decide import decide_inputs
from edgewrap.aws.inputs.lookups import DecidedLookups
from tests.support.aws_plane import PUBLIC_KEY, first_inputs, make_spec

IMAGES = [
    {"ImageId": f"ami-{number:017x}", "CreationDate": f"2026-0{number}-01T00:00:00.000Z"} for number in range(1, 4)
]
OLDER, NEWEST = IMAGES[1]["ImageId"], IMAGES[2]["ImageId"]
TYPE = {
    "NetworkInfo": {"MaximumNetworkInterfaces": 15, "Ipv4AddressesPerInterface": 50, "NetworkCards": []},
    "ProcessorInfo": {"SupportedArchitectures": ["x86_64"]},
}
EC2 = SimpleNamespace(
    describe_images=lambda **_: {"Images": IMAGES},
    describe_instance_types=lambda **_: {"InstanceTypes": [TYPE]},
    describe_instance_type_offerings=lambda **_: {
        "InstanceTypeOfferings": [{"Location": f"eu-west-3{letter}"} for letter in "abc"]
    },
)
CLIENTS: Any = SimpleNamespace(ec2=EC2, translate_errors=nullcontext)


def decided(tmp_path: Path, **changes: Any) -> Any:
    key = tmp_path / "key.pub"
    key.write_text(f"{PUBLIC_KEY}\n")
    spec = make_spec(ssh={"public_key": str(key)})
    inputs = first_inputs(spec)
    foundation = inputs.foundation.model_copy(update={"zone": changes.pop("zone", "eu-west-3b")})
    amis = dict.fromkeys(inputs.amis, changes.pop("ami", OLDER))
    saved = inputs.model_copy(update={"foundation": foundation, "amis": amis, **changes})
    return decide_inputs(spec, None, cast("Any", DecidedLookups(spec, CLIENTS, saved)))


def test_uuid_zone_and_image_are_those_of_the_plan(tmp_path: Path) -> None:
    inputs = decided(tmp_path, uuid="11111111-2222-4333-8444-555555555555")
    assert inputs.uuid == "11111111-2222-4333-8444-555555555555"
    assert inputs.foundation.zone == "eu-west-3b"
    assert set(inputs.amis.values()) == {OLDER}


def test_what_aws_would_not_answer_does_not_count(tmp_path: Path) -> None:
    other = PUBLIC_KEY.replace("someone", "attacker")
    inputs = decided(tmp_path, ami="ami-0fffffffffffffff0", zone="us-east-1a", public_key=other, placement={})
    assert set(inputs.amis.values()) == {NEWEST}
    assert inputs.foundation.zone == "eu-west-3a"
    assert inputs.public_key == PUBLIC_KEY
    assert inputs.placement
