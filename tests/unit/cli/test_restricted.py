"""`--restricted`: a checkout of a stranger's is refused, and nothing in it is run or read."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgewrap.cli.main import build, run

SOUND = "apiVersion: edgewrap/v1\nname: edge-1\naws: { region: eu-west-3 }\n"
OPERATORS = ("AWS_ENDPOINT_URL", "ONE_XMLRPC", "EDGEWRAP_DIR", "EDGEWRAP_PLUGIN_DIR", "EDGEWRAP_SPEC")
S3 = "terraform: { backend: { s3: { bucket: states, key: a/b, region: eu-west-3 } } }"
COMMANDS = ["validate", "preflight", "plan", "apply", "replace", "render", "status", "output", "destroy", "logs"]
COMMANDS += ["ssh", "force-unlock"]
ARGUMENTS = {"replace": ["host-0"], "ssh": ["host-0"], "force-unlock": ["id"]}
APPROVED = {"apply", "replace", "destroy", "force-unlock"}


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A git work tree: a spec in a folder, programs that leave a trace if one is run, and a working directory with a
    provider of its own and a lock that leads to the file `kept`."""
    root = tmp_path / "checkout"
    (root / ".git").mkdir(parents=True)
    (root / "edges").mkdir()
    (root / "edges" / "edge.yaml").write_text(SOUND)
    workspace = root / "edges" / ".edgewrap" / "edge-1"
    provider = workspace / "terraform/.terraform/providers/registry.terraform.io/hashicorp/aws/5.100.0/linux_amd64"
    provider.mkdir(parents=True)
    (workspace / "terraform" / ".terraform.lock.hcl").write_text("# it has the hashes of that provider\n")
    (workspace / "lock").symlink_to("../../../../kept")
    (tmp_path / "kept").write_text("kept")
    for program in (root / "edges" / "evil", root / "terraform", provider / "terraform-provider-aws_v5.100.0_x5"):
        program.write_text(f'#!/bin/sh\ntouch {tmp_path}/trace\necho \'{{"terraform_version":"1.11.0"}}\'\n')
        program.chmod(0o755)
    for variable in OPERATORS:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("EDGEWRAP_RESTRICTED", "")  # restored at the end, because the option sets it
    monkeypatch.setenv("EDGEWRAP_DIR", str(tmp_path / "runs"))
    monkeypatch.setenv("SECRET", "hunter2")
    monkeypatch.chdir(root)
    return root


def edgewrap(capsys: pytest.CaptureFixture[str], command: str, *options: str) -> tuple[int, str]:
    """Run a command about the spec; returns the exit code and what it said on standard error."""
    approve = ["--auto-approve"] if command in APPROVED else []
    code = run(build(), [command, "-f", "edges/edge.yaml", *options, *approve, *ARGUMENTS.get(command, [])])
    return code, capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "place", "rule"),
    [
        ("terraform: { binary: ./evil }", "4:22: terraform.binary", "EDGEWRAP_TERRAFORM"),
        ("terraform: { binary: tofu }", "4:22: terraform.binary", "EDGEWRAP_TERRAFORM"),
        ("terraform: { plugin_dir: . }", "4:26: terraform.plugin_dir", "EDGEWRAP_PLUGIN_DIR"),
        (S3, "4:23: terraform.backend", "EDGEWRAP_BACKEND"),
        ('ssh: { proxy_command: "./evil {host}" }', "4:23: ssh.proxy_command", "EDGEWRAP_PROXY_COMMAND"),
        ("ssh: { public_key: key.pub }", "4:20: ssh.public_key", "EDGEWRAP_PUBLIC_KEY"),
        ('opennebula: { endpoint: "http://127.0.0.1:1" }', "4:25: opennebula.endpoint", "ONE_XMLRPC"),
        ("opennebula: { ca_file: ca.pem }", "4:24: opennebula.ca_file", "EDGEWRAP_CA_FILE"),
        ("evpn: { password: '${env:SECRET}' }", "4:19: evpn.password", "must not read the environment"),
        ('ssh: { proxy_command: "x ${env:SECRET}" }', "4:23: ssh.proxy_command", "must not read the environment"),
        ("ssh: { user: '${env:SECRET}' }", "4:14: ssh.user", "must not read the environment"),
        ("x: &x { binary: ./evil }\nterraform: *x", "4:1: x", "unknown key"),
    ],
)
@pytest.mark.parametrize("command", ["validate", "plan"])
def test_a_spec_that_sets_what_is_the_operators_is_refused(
    checkout: Path, capsys: pytest.CaptureFixture[str], command: str, line: str, place: str, rule: str
) -> None:
    (checkout / "edges" / "edge.yaml").write_text(f"{SOUND}{line}\n")
    code, shown = edgewrap(capsys, command, "--restricted")
    assert code == 1
    assert f"edges/edge.yaml:{place}: " in shown
    assert rule in shown
    assert "hunter2" not in shown
    assert {path.name for path in checkout.parent.iterdir()} == {"checkout", "kept"}


def test_an_endpoint_of_aws_is_refused_too(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = SOUND.replace("eu-west-3 }", 'eu-west-3, endpoint_url: "http://127.0.0.1:1" }')
    (checkout / "edges" / "edge.yaml").write_text(text)
    assert "edges/edge.yaml:3:41: aws.endpoint_url: " in edgewrap(capsys, "plan", "--restricted")[1]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("how", ["option", "variable"])
def test_every_command_that_reads_a_spec_knows_it(
    checkout: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: str, how: str
) -> None:
    (checkout / "edges" / "edge.yaml").write_text(f"{SOUND}terraform: {{ binary: ./evil }}\n")
    monkeypatch.setenv("EDGEWRAP_RESTRICTED", "1" if how == "variable" else "")
    code, shown = edgewrap(capsys, command, *(["--restricted"] if how == "option" else []))
    assert (code, "4:22: terraform.binary: is the operator's" in shown) == (1, True)
    assert not (checkout.parent / "trace").exists()


@pytest.mark.parametrize(
    ("places", "what"),
    [
        ({"EDGEWRAP_DIR": ""}, "the working directory is in the checkout"),
        ({"EDGEWRAP_DIR": "runs"}, "the working directory is in the checkout"),
        ({"EDGEWRAP_DIR": "../checkout/edges/../runs"}, "the working directory is in the checkout"),
        ({"EDGEWRAP_DIR": "../link-into"}, "the working directory is in the checkout"),
        ({"PATH": "edges:/usr/bin"}, "edges, in PATH, is in the checkout"),
        ({"PATH": "/usr/bin:"}, "., in PATH, is in the checkout"),
        ({"PYTHONPATH": "."}, "., in PYTHONPATH, is in the checkout"),
        ({"EDGEWRAP_TERRAFORM": "./terraform"}, "./terraform, in EDGEWRAP_TERRAFORM, is in the checkout"),
        ({"EDGEWRAP_PLUGIN_DIR": "edges"}, "edges, in EDGEWRAP_PLUGIN_DIR, is in the checkout"),
        ({"TF_PLUGIN_CACHE_DIR": "../link-into/x"}, "../link-into/x, in TF_PLUGIN_CACHE_DIR, is in the checkout"),
        ({"AWS_CONFIG_FILE": "edges/evil"}, "edges/evil, in AWS_CONFIG_FILE, is in the checkout"),
        ({"HOME": "edges"}, "edges, in HOME, is in the checkout"),
        ({"ONE_AUTH": "edges/auth"}, "edges/auth, in ONE_AUTH, is in the checkout"),
        ({"AWS_CA_BUNDLE": "edges/ca.pem"}, "edges/ca.pem, in AWS_CA_BUNDLE, is in the checkout"),
        ({"EDGEWRAP_CA_FILE": "edges/ca.pem"}, "edges/ca.pem, in EDGEWRAP_CA_FILE, is in the checkout"),
        ({"EDGEWRAP_PROXY_COMMAND": "nc {host} | ./evil"}, "./evil, in EDGEWRAP_PROXY_COMMAND, is in the checkout"),
        ({"LD_LIBRARY_PATH": "."}, "., in LD_LIBRARY_PATH, is in the checkout"),
    ],
)
def test_nothing_that_a_checkout_holds_is_run_or_used_as_state(
    checkout: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    places: dict[str, str],
    what: str,
) -> None:
    (checkout.parent / "link-into").symlink_to(checkout / "edges")
    for variable, value in places.items():
        monkeypatch.setenv(variable, value)
    code, shown = edgewrap(capsys, "plan", "--restricted")
    assert (code, what in shown) == (64, True)
    assert not (checkout.parent / "trace").exists()
    assert (checkout.parent / "kept").read_text() == "kept"


@pytest.mark.parametrize("places", [{"EDGEWRAP_DIR": "runs"}, {"PATH": ":/usr/bin"}, {"EDGEWRAP_TERRAFORM": "./evil"}])
def test_without_git_the_current_directory_is_the_checkout(
    checkout: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, places: dict[str, str]
) -> None:
    (checkout / ".git").rmdir()
    for variable, value in places.items():
        monkeypatch.setenv(variable, value)
    code, shown = edgewrap(capsys, "plan", "--restricted")
    assert (code, f"is in the checkout {checkout}" in shown) == (64, True)


def test_without_restriction_the_lock_leads_nowhere_either(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGEWRAP_DIR", "")
        code, shown = edgewrap(capsys, "plan")
    assert (code, "edge-1/lock is a symbolic link" in shown) == (1, True)
    assert (checkout.parent / "kept").read_text() == "kept"


def test_a_link_that_leads_out_of_the_checkout_is_not_read(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outside = checkout.parent / "kubeconfig"
    outside.write_text("users: hunter2\n")
    (checkout / "edges" / "edge.yaml").unlink()
    (checkout / "edges" / "edge.yaml").symlink_to(outside)
    code, shown = edgewrap(capsys, "validate", "--restricted")
    assert (code, "is a link that leads out of the checkout" in shown, "users" in shown) == (64, True, False)


def test_what_the_operator_sets_may_be_repeated(
    checkout: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also the defaults, written out."""
    monkeypatch.setenv("ONE_XMLRPC", "http://one.example:2633/RPC2")
    monkeypatch.setenv("EDGEWRAP_BACKEND", "s3://states/a/b?region=eu-west-3")
    more = 'opennebula: { endpoint: "http://one.example:2633/RPC2", ca_file: null }'
    ssh = "ssh: { public_key: ~/.ssh/id_ed25519.pub, from: [198.51.100.0/24] }"
    (checkout / "edges" / "edge.yaml").write_text(f"{SOUND}{more}\n{ssh}\n{S3}\n")
    assert edgewrap(capsys, "validate", "--restricted") == (0, "")


def test_a_spec_of_ones_own_may_name_programs(
    checkout: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the cases above refuse is run otherwise."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    (checkout / "edges" / "edge.yaml").write_text(f"{SOUND}terraform: {{ binary: ./evil, plugin_dir: /none }}\n")
    edgewrap(capsys, "preflight", "--only", "aws")
    assert (checkout.parent / "trace").exists()
