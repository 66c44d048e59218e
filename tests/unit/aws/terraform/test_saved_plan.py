"""Plan files that are not wholly understood are refused: `terraform show` reads them. The integration tests of AWS hold
what is read to what `terraform show` says of the same file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import msgpack
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edgewrap.aws.terraform.json_output import PlannedChange, RunOutput
from edgewrap.aws.terraform.plan_json import Before, predicted_values, read_changes
from edgewrap.aws.terraform.saved_plan import UnreadablePlanError, read_saved_plan
from edgewrap.change import Action
from edgewrap.outputs import UNKNOWN as PREDICTED

ADDRESS = 'module.eips.aws_eip.this["eip-0"]'
CREATED = PlannedChange(ADDRESS, "aws_eip", "create")
UNKNOWN = msgpack.ExtType(0, b"\0")
REFINED = msgpack.ExtType(12, b"\x81\x01\xc2")


def field(number: int, value: int | str | bytes) -> bytes:
    """One field of a protobuf message."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def varint(value: int) -> bytes:
    return bytes([value]) if value < 0x80 else bytes([value & 0x7F | 0x80]) + varint(value >> 7)


def values(*items: object) -> bytes:
    return b"".join(field(2, field(1, msgpack.packb(item))) for item in items)


def resource(change: bytes, address: str = ADDRESS, more: bytes = b"", number: int = 3) -> bytes:
    return field(number, field(13, address) + field(9, change) + more)


AFTER = {"domain": "vpc", "public_ip": UNKNOWN, "tags": {"Name": UNKNOWN, "team": "edge"}, "ports": [22, REFINED]}
CREATE = field(1, 1) + values(AFTER)
VERSION = field(1, 3) + field(14, "1.11.4")
PLAN = VERSION + resource(CREATE)


def said(*planned: PlannedChange, **outputs: str) -> RunOutput:
    """What Terraform reported of a plan: the changes of resources, and the actions of outputs."""
    return RunOutput(
        "1.11.4", planned=list(planned), outputs={name: {"action": action} for name, action in outputs.items()}
    )


def saved(directory: Path, plan: bytes, member: str = "tfplan") -> Path:
    file = directory / "plan"
    with ZipFile(file, "w") as archive:
        archive.writestr(member, plan)
    return file


def test_what_is_unknown_is_missing_and_marked(tmp_path: Path) -> None:
    (entry,) = read_saved_plan(saved(tmp_path, PLAN), said(CREATED))["resource_changes"]
    assert (entry["type"], entry["name"], entry["index"], entry["mode"]) == ("aws_eip", "this", "eip-0", "managed")
    change = entry["change"]
    assert change["actions"] == ["create"]
    assert change["before"] is None
    assert change["after"] == {"domain": "vpc", "tags": {"team": "edge"}, "ports": [22, None]}
    assert change["after_unknown"] == {"public_ip": True, "tags": {"Name": True}, "ports": [False, True]}


def test_an_output_is_kept_with_its_type(tmp_path: Path) -> None:
    def output(name: str, change: bytes) -> bytes:
        return field(4, field(1, name) + field(2, change))

    file = saved(
        tmp_path,
        VERSION
        + output(
            "eips", field(1, 1) + values([b'["object",{"a":"string","b":"string"}]', {"a": UNKNOWN, "b": "known"}])
        )
        + output("uuid", field(1, 1) + values(UNKNOWN))
        + output("text", values([b'"string"', "the same"]))
        + output("old", field(1, 5) + values([b'"number"', 1])),
    )
    reported = said(eips="create", uuid="create", text="noop", old="delete")
    predicted = {"eips": {"a": PREDICTED, "b": "known"}, "uuid": PREDICTED, "text": "the same"}
    assert predicted_values(read_saved_plan(file, reported)) == predicted
    for other in (said(), said(eips="create"), said(eips="update", uuid="create", text="noop", old="delete")):
        with pytest.raises(UnreadablePlanError, match="not those that terraform reported"):
            read_saved_plan(file, other)


@pytest.mark.parametrize(
    ("key", "action", "change", "shown", "why"),
    [
        pytest.param("eip-0", "import", values({"tags": {}}), Action.UPDATE, "by hand", id="made by hand"),
        pytest.param(
            "eip-x-0",
            "update",
            field(1, 3) + values({"tags": {"a": "b"}}, {"tags": {}}),
            Action.ADOPT,
            "requested",
            id="adopted",
        ),
    ],
)
def test_an_import_is_shown(tmp_path: Path, key: str, action: str, change: bytes, shown: Action, why: str) -> None:
    address = f'module.network.aws_vpc_security_group_ingress_rule.vms["{key}"]'
    plan = VERSION + resource(change + field(5, field(1, "sgr-1")), address)
    reported = said(PlannedChange(address, "aws_vpc_security_group_ingress_rule", action))
    document = read_saved_plan(saved(tmp_path, plan), reported)
    (found,) = read_changes(document, Before(frozenset(), spec_changed=False, destroy=False))
    assert (found.key, found.action) == (key, shown)
    assert why in found.why


@pytest.mark.parametrize(
    ("change", "more", "reported"),
    [
        pytest.param(values({}), b"", None, id="nothing changes"),
        pytest.param(values({}), field(14, ADDRESS), None, id="the same address as before"),
        pytest.param(values({}), field(14, "aws_eip.old"), "move", id="moved"),
        pytest.param(values({}) + field(5, field(1, "eipalloc-1")), b"", "import", id="imported"),
        pytest.param(field(1, 3) + values({}, {}) + field(5, b""), b"", "update", id="imported and updated"),
        pytest.param(field(1, 5) + values({}), b"", "delete", id="deleted"),
        pytest.param(field(1, 6) + values({}, {}), field(11, field(1, field(1, "domain"))), "replace", id="replaced"),
        pytest.param(field(1, 7) + values({}, {}), field(12, 1), "replace", id="tainted"),
    ],
)
def test_each_action_must_be_the_one_that_was_reported(
    tmp_path: Path, change: bytes, more: bytes, reported: str | None
) -> None:
    file = saved(tmp_path, VERSION + resource(change, more=more))
    right = [PlannedChange(ADDRESS, "aws_eip", reported)] if reported else []
    (entry,) = read_saved_plan(file, said(*right))["resource_changes"]
    assert entry["change"]["replace_paths"] == ([["domain"]] if b"domain" in more else [])
    assert (entry["action_reason"] == "replace_because_tainted") is (more == field(12, 1))
    for wrong in ([CREATED], [*right, *right], [*right, CREATED], [] if right else [CREATED]):
        if wrong != right:
            with pytest.raises(UnreadablePlanError, match="not those that terraform reported"):
                read_saved_plan(file, said(*wrong))


def test_drift_is_held_to_the_report_too(tmp_path: Path) -> None:
    moved = resource(values({}), more=field(14, "aws_eip.old"), number=18)
    changed = resource(field(1, 3) + values({"domain": "old"}, {"domain": "vpc"}), number=18)
    file = saved(tmp_path, VERSION + moved + changed)
    reported = RunOutput("1.11.4", drifted=[PlannedChange(ADDRESS, "aws_eip", "update")])
    (entry,) = read_saved_plan(file, reported)["resource_drift"]
    assert entry["change"]["before"] == {"domain": "old"}
    with pytest.raises(UnreadablePlanError, match="not those that terraform reported"):
        read_saved_plan(file, said())


def test_a_data_source_that_leaves_the_state_is_left_out(tmp_path: Path) -> None:
    deleted = resource(field(1, 5) + values({}), "module.hosts.data.aws_ami.ubuntu")
    assert read_saved_plan(saved(tmp_path, VERSION + deleted), said())["resource_changes"] == []


def test_the_current_object_is_before_the_deposed_one(tmp_path: Path) -> None:
    deposed = resource(field(1, 5) + values({}), more=field(7, "00000001"))
    reported = said(CREATED, CREATED._replace(action="delete"))
    entries = read_saved_plan(saved(tmp_path, VERSION + deposed + resource(CREATE)), reported)["resource_changes"]
    assert [entry["change"]["actions"] for entry in entries] == [["create"], ["delete"]]


ESCAPED = 'aws_eip.this["a$${b}"]'
KNOWN = field(4, field(1, "a") + field(2, CREATE))


@pytest.mark.parametrize(
    ("plan", "why"),
    [
        pytest.param(b"", "KeyError: 14", id="empty"),
        pytest.param(field(1, 4) + field(14, "1.11.4") + resource(CREATE), "its format is", id="another format"),
        pytest.param(PLAN + field(27, b""), "the field 27 ", id="a change that is left for a later plan"),
        pytest.param(PLAN + field(99, 1), "the field 99 ", id="an unknown field of the plan"),
        pytest.param(VERSION + resource(CREATE, more=field(15, "x")), "the field 15 ", id="of a resource"),
        pytest.param(VERSION + resource(CREATE + field(3, b"")), "the field 3 ", id="a value that was sensitive"),
        pytest.param(VERSION + resource(CREATE + field(4, b"")), "the field 4 ", id="a sensitive value"),
        pytest.param(VERSION + resource(CREATE + field(6, "x")), "the field 6 ", id="generated configuration"),
        pytest.param(VERSION + resource(CREATE + field(5, field(4, 1))), "the field 4 ", id="an unknown import"),
        pytest.param(VERSION + resource(field(1, 8) + values({})), "KeyError: 8", id="an unknown action"),
        pytest.param(VERSION + resource(field(1, 1) + values({}, {})), "2 values for", id="two values for a new one"),
        pytest.param(VERSION + resource(field(1, 1) + field(2, field(2, b""))), "the field 2 ", id="another encoding"),
        pytest.param(VERSION + resource(field(1, 1) + values(msgpack.ExtType(1, b""))), "extension 1", id="extension"),
        pytest.param(VERSION + resource(CREATE, "no address"), "the address no address", id="an unknown address"),
        pytest.param(VERSION + resource(CREATE, ESCAPED), "the address aws_eip", id="an escaped key"),
        pytest.param(VERSION + resource(CREATE, more=field(11, field(1, field(2, b"")))), "KeyError: 1", id="a path"),
        pytest.param(PLAN + field(4, KNOWN[2:] + field(3, 1)), "the field 3 ", id="a sensitive output"),
        pytest.param(PLAN[:-1], "ValueError", id="cut"),
        pytest.param(PLAN + b"\x0d\0\0\0\0", "of type 5", id="an unknown wire type"),
    ],
)
def test_anything_unknown_is_refused(tmp_path: Path, plan: bytes, why: str) -> None:
    with pytest.raises(UnreadablePlanError, match=why):
        read_saved_plan(saved(tmp_path, plan), said(CREATED))


@pytest.mark.parametrize(
    "change",
    [field(1, 3) + values({}), field(1, 5) + values({}, {}), field(1, 6) + values({})],
    ids=["update", "delete", "replace"],
)
def test_the_number_of_values_must_fit_the_action(tmp_path: Path, change: bytes) -> None:
    action = {3: "update", 5: "delete", 6: "replace"}[change[1]]
    with pytest.raises(UnreadablePlanError, match=r"\d values for"):
        read_saved_plan(saved(tmp_path, VERSION + resource(change)), said(CREATED._replace(action=action)))


@pytest.mark.parametrize(
    "write",
    [
        pytest.param(lambda file: None, id="missing"),
        pytest.param(lambda file: file.mkdir(), id="a directory"),
        pytest.param(lambda file: file.write_bytes(b"encrypted"), id="no archive"),
        pytest.param(lambda file: saved(file.parent, PLAN, "tfstate"), id="without a plan"),
        pytest.param(lambda file: file.write_bytes(saved(file.parent, PLAN).read_bytes()[:-9]), id="a cut archive"),
    ],
)
def test_another_file_is_refused(tmp_path: Path, write: Callable[[Path], object]) -> None:
    write(tmp_path / "plan")
    with pytest.raises(UnreadablePlanError):
        read_saved_plan(tmp_path / "plan", said(CREATED))


@pytest.mark.parametrize(
    ("written", "version"),
    [
        pytest.param("1.7.5", "1.7.5", id="too old"),
        pytest.param("1.9.0", "", id="OpenTofu"),
        pytest.param("1.11.3", "1.11.4", id="another Terraform"),
    ],
)
def test_a_plan_of_another_program_is_refused(tmp_path: Path, written: str, version: str) -> None:
    file = saved(tmp_path, field(1, 3) + field(14, written) + resource(CREATE))
    with pytest.raises(UnreadablePlanError, match=f"it is of version {written}"):
        read_saved_plan(file, RunOutput(version, planned=[CREATED]))


@given(st.integers(0, len(PLAN) - 1), st.binary(max_size=4))
@example(0, b"")
def test_a_damaged_plan_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, position: int, data: bytes
) -> None:
    file = saved(tmp_path_factory.mktemp("damaged"), PLAN[:position] + data + PLAN[position + 1 :])
    try:
        document = read_saved_plan(file, said(CREATED))
    except UnreadablePlanError:
        return
    assert len(document["resource_changes"]) == 1
