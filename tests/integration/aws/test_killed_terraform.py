"""kill -9 of edgewrap while the real terraform applies: Terraform continues to the end and saves its state."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

from edgewrap.aws.render.module import template_root

MODULE = """
terraform {
  backend "local" {
    path = "../terraform.tfstate"
  }
}

resource "terraform_data" "inputs" {
  input = "decided"
}

resource "terraform_data" "cluster" {
  depends_on = [terraform_data.inputs]

  provisioner "local-exec" {
    command = "sleep 2"
  }
}

resource "terraform_data" "applied" {
  input = "the spec"

  depends_on = [terraform_data.cluster]
}
"""
"""The frame of the real root module around one thing that takes a while."""

EDGEWRAP = """
import os, sys
from pathlib import Path
from edgewrap.aws.terraform.runner import Terraform
from edgewrap.aws.terraform.workdir import WorkDir

def tell(event):
    if "creating terraform_data cluster" in event.text:
        print("applying", flush=True)

workdir = WorkDir(Path(sys.argv[1]))
terraform = Terraform("terraform", workdir, tell, environ=os.environ)
terraform.init_if_needed()
workdir.own.mkdir(exist_ok=True)
terraform.plan()
terraform.apply()
"""


def test_terraform_finishes_after_edgewrap_is_killed(
    terraform: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "terraform").mkdir()
    (tmp_path / "terraform" / "main.tf").write_text(MODULE)
    outputs = (template_root() / "root" / "outputs.tf.j2").read_text().partition('output "cluster"')[0]
    (tmp_path / "terraform" / "outputs.tf").write_text(outputs)
    edgewrap = subprocess.Popen(
        [sys.executable, "-c", EDGEWRAP, str(tmp_path)], env=environment, stdout=subprocess.PIPE, text=True
    )
    assert edgewrap.stdout is not None
    assert edgewrap.stdout.readline() == "applying\n"
    time.sleep(0.5)
    edgewrap.kill()
    edgewrap.wait()
    edgewrap.stdout.close()
    lock = tmp_path / ".terraform.tfstate.lock.info"
    deadline = time.monotonic() + 20
    while lock.exists():
        assert time.monotonic() < deadline, "terraform did not end"
        time.sleep(0.1)
    state = json.loads((tmp_path / "terraform.tfstate").read_text())
    assert {resource["name"] for resource in state["resources"]} == {"inputs", "cluster", "applied"}
    assert {name: output["value"] for name, output in state["outputs"].items()} == {
        "inputs": "decided",
        "applied": "the spec",
    }
