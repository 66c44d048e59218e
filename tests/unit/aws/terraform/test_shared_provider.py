"""One provider for all terraform processes of a run: which one is used, how it is reached, and when it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from edgewrap.aws.terraform import provider_supervisor
from edgewrap.aws.terraform.init_stamp import LOCK_FILE
from edgewrap.aws.terraform.shared_provider import SharedProvider, can_be_shared, installed_package, package_hash

VERSION = "5.100.0"
TERRAFORM, OPENTOFU = "registry.terraform.io/hashicorp/aws", "registry.opentofu.org/hashicorp/aws"

PROVIDER = f"""#!/bin/sh
trap 'touch interrupted; exit 0' INT
echo "Provider started."
printf "\\tTF_REATTACH_PROVIDERS='%s'\\n" '{{"{TERRAFORM}": {{"Protocol": "grpc"}}}}'
echo "$1 $(umask) $TF_LOG_SDK" > started
echo $$ > pid.new
mv pid.new pid
while :; do sleep 0.02; done
"""
"""Announces itself as the real one does in its debug mode."""

STUBBORN = PROVIDER.replace("trap 'touch interrupted; exit 0'", "trap ''")
NO_DEBUG_MODE = "#!/bin/sh\necho 'unknown option' >&2\nexit 1\n"


class Module:
    """A root module with an installed provider."""

    def __init__(self, directory: Path, program: str = PROVIDER, address: str = TERRAFORM) -> None:
        self.directory = directory
        self.memory = directory / "provider.json"
        self.package = directory / ".terraform" / "providers" / address / VERSION / "linux_amd64"
        self.package.mkdir(parents=True)
        self.binary = self.package / f"terraform-provider-aws_v{VERSION}_x5"
        self.install(program)
        self.lock(package_hash(self.package), address)

    def install(self, program: str) -> None:
        self.binary.write_text(program)
        self.binary.chmod(0o755)

    def lock(self, *hashes: str, address: str = TERRAFORM, version: str = VERSION) -> None:
        text = "\n".join(f'    "{one}",' for one in (*hashes, "zh:0000"))
        (self.directory / LOCK_FILE).write_text(
            f'# By terraform init.\n\nprovider "{address}" {{\n  version     = "{version}"\n  constraints = "5.100.0"\n'
            f"  hashes = [\n{text}\n  ]\n}}\n"
        )

    def provider(self) -> SharedProvider:
        return SharedProvider(self.directory, self.memory, {"PATH": os.environ["PATH"]})

    def pid(self) -> int:
        eventually((self.directory / "pid").exists)
        return int((self.directory / "pid").read_text())


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("address", [TERRAFORM, OPENTOFU])
def test_terraform_is_connected_under_the_address_of_its_own_registry(tmp_path: Path, address: str) -> None:
    module = Module(tmp_path, address=address)
    module.lock(package_hash(module.package), address=address)
    provider = module.provider()
    assert json.loads(provider.variables()["TF_REATTACH_PROVIDERS"]) == {address: {"Protocol": "grpc"}}
    pid = module.pid()
    assert (tmp_path / "started").read_text() == "-debug 0077 OFF\n"
    provider.start()
    assert provider.variables()
    assert module.pid() == pid
    provider.stop()
    assert not runs(pid)
    assert (tmp_path / "interrupted").exists()
    assert provider.pass_fds == ()


def test_a_program_that_ignores_the_interrupt_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = Path(provider_supervisor.__file__).read_text()
    quick = tmp_path / "quick.py"
    quick.write_text(text.replace(f"GRACE_S = {provider_supervisor.GRACE_S}", "GRACE_S = 0.1"))
    assert quick.read_text() != text
    monkeypatch.setattr(provider_supervisor, "__file__", str(quick))
    module = Module(tmp_path, STUBBORN)
    provider = module.provider()
    provider.variables()
    pid = module.pid()
    provider.stop()
    assert not runs(pid)


def change_the_binary(module: Module) -> None:
    module.install(PROVIDER + "# changed\n")


def lock_another_version(module: Module) -> None:
    module.lock(package_hash(module.package), version="5.99.0")


def lock_no_hash(module: Module) -> None:
    module.lock()


def remove_the_lock_file(module: Module) -> None:
    (module.directory / LOCK_FILE).unlink()


def add_a_second_binary(module: Module) -> None:
    (module.package / "terraform-provider-aws_v5.100.0_x6").write_text(PROVIDER)


@pytest.mark.parametrize(
    "change", [change_the_binary, lock_another_version, lock_no_hash, remove_the_lock_file, add_a_second_binary]
)
@pytest.mark.parametrize("checked_before", [False, True], ids=["first run", "checked before"])
def test_a_provider_that_does_not_match_the_lock_file_is_not_started(
    tmp_path: Path, change: Callable[[Module], None], checked_before: bool
) -> None:
    module = Module(tmp_path)
    if checked_before:
        module.provider().remember()
    change(module)
    assert module.provider().variables() == {}
    assert not (tmp_path / "pid").exists()


def test_the_hash_is_computed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = Module(tmp_path)
    for _ in range(2):
        provider = module.provider()
        assert provider.variables()
        provider.stop()
        monkeypatch.setattr("edgewrap.aws.terraform.shared_provider.package_hash", lambda _: "h1:another")


def test_a_provider_that_init_has_checked_is_not_hashed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = Module(tmp_path)
    module.provider().remember()
    monkeypatch.setattr("edgewrap.aws.terraform.shared_provider.package_hash", lambda _: "h1:another")
    assert installed_package(tmp_path) is not None
    assert module.provider().variables()


def test_a_provider_without_debug_mode_is_left_to_terraform(tmp_path: Path) -> None:
    began = time.monotonic()
    assert Module(tmp_path, NO_DEBUG_MODE).provider().variables() == {}
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("variables", "config", "shared"),
    [
        ({}, None, True),
        ({}, "[default]\nregion = eu-west-3\n", True),
        ({}, "[profile edge]\n  ca_bundle = /etc/ca.pem\n", False),
        ({"AWS_CA_BUNDLE": "/etc/ca.pem"}, None, False),
        ({"TF_LOG": "debug"}, None, False),
        ({"TF_LOG_PROVIDER": "trace"}, None, False),
    ],
)
def test_logs_and_ca_bundles_need_a_provider_for_each_process(
    tmp_path: Path, variables: dict[str, str], config: str | None, shared: bool
) -> None:
    (tmp_path / ".aws").mkdir()
    if config is not None:
        (tmp_path / ".aws" / "config").write_text(config)
    assert can_be_shared({"HOME": str(tmp_path), **variables}) == shared
    assert can_be_shared({"AWS_CONFIG_FILE": str(tmp_path / ".aws" / "config"), **variables}) == shared


KILLED = """
import os, subprocess, sys
from pathlib import Path
from edgewrap.aws.terraform.shared_provider import SharedProvider

module = Path(sys.argv[1])
provider = SharedProvider(module, module / "provider.json", os.environ)
assert provider.variables()
child = subprocess.Popen(["sleep", "60"], pass_fds=provider.pass_fds)
print(child.pid, flush=True)
sys.stdin.read()
"""


def test_the_provider_ends_with_the_last_terraform_of_a_killed_run(tmp_path: Path) -> None:
    module = Module(tmp_path)
    run = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with run:
        assert run.stdout is not None
        terraform = int(run.stdout.readline())
        provider = module.pid()
        run.kill()
    time.sleep(0.2)
    assert runs(provider)
    os.kill(terraform, 9)
    eventually(lambda: not runs(provider))
