"""The render: spec and inputs in, the files of a Terraform root module out. Pure: the same text for the same two.

The templates decide structure only (is there an endpoints block, have hosts Elastic IPs of their own); every value
travels in `terraform.tfvars.json`, where the state is kept, in `backend.tfbackend.json`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import edgewrap
from edgewrap.aws.backend import BACKEND_FILE, backend_text
from edgewrap.aws.inputs.model import Inputs
from edgewrap.aws.render.variables import make_variables
from edgewrap.errors import ToolError
from edgewrap.spec.load import public_document
from edgewrap.spec.models import Spec

if TYPE_CHECKING:
    from jinja2 import Environment

SUFFIX = ".tf.j2"
VARIABLES_FILE = "terraform.tfvars.json"


def render(
    spec: Spec, inputs: Inputs, *, applied: str | None = None, without: Collection[str] = ()
) -> Mapping[str, str]:
    """The text of every file by its path, relative to the root module, in order of the paths.

    For a step towards the spec: `applied` is what the state keeps as the spec last applied, `without` are the keys of
    hosts that have no instance in this step.
    """
    backend = backend_text(spec)
    # all that a template sees of a spec: no text of the user
    structure = {
        "endpoint": spec.aws.endpoint_url is not None,
        "s3_state": backend is not None,
        "host_address": inputs.host_address,
        "own_vpc": inputs.foundation.vpc_id is None,
        "own_subnet": inputs.foundation.subnet_id is None,
    }
    variables = make_variables(spec, inputs, public_document(spec) if applied is None else applied, without)
    optional = set() if structure["endpoint"] else {"endpoint_url"}
    files = {VARIABLES_FILE: variables.model_dump_json(indent=2, exclude=optional) + "\n"}
    if backend is not None:
        files[BACKEND_FILE] = backend
    environment = _environment(template_root())
    for name in environment.list_templates(filter_func=lambda name: name.endswith(SUFFIX)):
        target = name.removesuffix(".j2").removeprefix("root/")
        files[target] = environment.get_template(name).render(structure=structure)
    return dict(sorted(files.items()))


def template_root() -> Path:
    """Where the templates are: in the installed package, else at the top of the checkout.

    Raises ToolError if they are in neither.
    """
    package = Path(edgewrap.__file__).parent
    for place in (package / "terraform", package.parent / "terraform"):
        if (place / f"root/main{SUFFIX}").is_file():
            return place
    raise ToolError(
        "edgewrap's Terraform templates are missing",
        cause=f"neither {package} nor its parent directory holds terraform/root",
        advice="install edgewrap again",
    )


@cache
def _environment(root: Path) -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # beside the provider, which was started before

    # The output is HCL, not HTML, and holds no text of the user: no escaping.
    return Environment(
        loader=FileSystemLoader(root),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701
        keep_trailing_newline=True,
    )
