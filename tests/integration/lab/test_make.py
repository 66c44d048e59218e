"""`make` on a machine that lacks something: it names it, and leaves nothing incomplete."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from edgewrap.aws.render.module import template_root
from tests.support.checkout import Checkout, copy_checkout

LOCK_FILE = template_root() / "providers" / ".terraform.lock.hcl"
PROVIDER = "{}/{}/linux_amd64".format(
    *re.findall(r'^ *(?:provider|version +=) "(.*?)"', LOCK_FILE.read_text(), re.MULTILINE)
)
OLD_PYTHON = f"""#!/bin/sh
case $1 in
--version) echo Python 3.10.12 ;;
-c) exec {sys.executable} -c "import sys; sys.version_info = (3, 10, 12, 'final', 0); exec(sys.argv[1])" "$2" ;;
*) exec {sys.executable} "$@" ;;
esac
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return copy_checkout(tmp_path / "edgewrap")


def make(checkout: Checkout, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run make in the copy."""
    return subprocess.run(
        ["make", *arguments],
        cwd=checkout.path,
        env={**checkout.environ, **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def script(path: Path, text: str) -> Path:
    """A program."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def test_an_old_python_is_refused_with_one_line(checkout: Checkout) -> None:
    old = script(checkout.path / "old" / "python3", OLD_PYTHON)
    done = make(checkout, f"PYTHON={old}", "VENV=fresh")
    assert done.returncode != 0
    assert [line for line in done.stderr.splitlines() if not line.startswith("make: ***")] == [
        f"edgewrap needs Python 3.11 or newer, and {old} is Python 3.10.12: "
        "use Debian 12, Ubuntu 24.04 or newer, or pass PYTHON=python3.12"
    ]
    assert done.stdout == ""
    assert not (checkout.path / "fresh").exists()


@pytest.mark.full
def test_make_fails_if_pip_fails(checkout: Checkout) -> None:
    """Also where an earlier run has installed edgewrap."""
    script(checkout.path / "fresh" / "bin" / "edgewrap", "#!/bin/sh\necho edgewrap 0.0.1\n")
    nothing = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(checkout.path / "old"), "PIP_CONFIG_FILE": "/dev/null"}
    done = make(checkout, "venv", "VENV=fresh", **nothing)
    assert done.returncode != 0
    assert "Cannot install hatchling" in done.stderr
    assert not (checkout.path / "fresh" / ".installed").exists()


def test_the_provider_is_fetched_once(checkout: Checkout) -> None:
    first, second = make(checkout, "providers"), make(checkout, "providers")
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert first.stdout == "getting the AWS provider from the Terraform registry (about 150 MB)\n"
    assert second.stdout == ""
    assert list((checkout.path / ".tools" / "providers" / PROVIDER).glob("terraform-provider-aws_*"))
    assert not (checkout.path / ".tools" / "providers.new").exists()


def test_a_link_to_a_deleted_mirror_is_replaced(checkout: Checkout) -> None:
    make(checkout, "providers")
    link = checkout.path / ".tools" / "providers" / PROVIDER
    link.unlink()
    link.symlink_to(checkout.path / "deleted")
    assert make(checkout, "providers").returncode == 0
    assert list(link.glob("terraform-provider-aws_*"))


def test_a_provider_with_another_checksum_is_refused(tmp_path: Path) -> None:
    registry = tmp_path / "registry"
    script(registry / PROVIDER / "terraform-provider-aws_v5.100.0_x5", "#!/bin/sh\n")
    checkout = copy_checkout(tmp_path / "edgewrap", registry)
    for given in ("", str(registry)):
        done = make(checkout, "providers", f"EDGEWRAP_PLUGIN_DIR={given}")
        assert done.returncode != 0
        assert "doesn't match any of the" in done.stderr
        assert "make providers EDGEWRAP_PLUGIN_DIR=DIR" in done.stderr
        assert [path.name for path in (checkout.path / ".tools").glob("providers*")] == []
