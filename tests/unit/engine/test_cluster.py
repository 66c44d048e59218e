"""What a cluster has ready before its planes are observed side by side."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

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


def test_what_two_planes_import_is_imported_before_their_threads_are_there(tmp_path: Path) -> None:
    spec = tmp_path / "edge.yaml"
    spec.write_text("apiVersion: edgewrap/v1\nname: edge\naws: { region: eu-west-3 }\n")
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(spec)], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("six\n", "")
