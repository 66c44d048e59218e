"""What a cluster prepares before its planes are observed in parallel."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path

from edgewrap.engine.cluster import Cluster
from edgewrap.engine.workspace import Workspace
from tests.support.aws_plane import make_spec

PROGRAM = """
import sys
from pathlib import Path
from edgewrap.engine.cluster import Cluster
from edgewrap.engine.workspace import Workspace
from edgewrap.events import discard
from edgewrap.spec.load import load_spec
heavy = {"boto3", "pyone", "asyncssh", "six"}
assert not heavy & sys.modules.keys()
path = Path(sys.argv[1])
Cluster(load_spec(path, {}), Workspace.of(path, "edge", {}), discard, {})
print(*sorted(heavy & sys.modules.keys()))
"""


def test_warning_filters_are_set_before_threads_start(tmp_path: Path) -> None:
    """`requests` ignores the warning by a filter of its own, which an import of botocore in another thread removes."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("default")
        warnings.simplefilter("ignore", ResourceWarning)  # of what other tests left to the garbage collector
        Cluster(make_spec(), Workspace(tmp_path), lambda event: None, {})
        warnings.warn("SOCKS support in urllib3 requires the installation of optional dependencies", stacklevel=1)
        warnings.warn("another", stacklevel=1)
    assert [str(one.message) for one in told] == ["another"]


def test_shared_libraries_are_imported_before_the_threads_start(tmp_path: Path) -> None:
    spec = tmp_path / "edge.yaml"
    spec.write_text("apiVersion: edgewrap/v1\nname: edge\naws: { region: eu-west-3 }\n")
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(spec)], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("six\n", "")
