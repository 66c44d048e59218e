"""Canonical's public parameters in SSM, which name its newest images. Stock moto has Amazon's only."""

from __future__ import annotations

from moto.core.utils import utcnow
from moto.ssm.models import Parameter, ParameterDict

from edgewrap.lab.aws.amis import images

_check = ParameterDict._check_loading_status  # noqa: SLF001 (where moto loads public parameters)


class CanonicalParameters(ParameterDict):
    def _check_loading_status(self, key: str) -> None:
        _check(self, key)
        if key.startswith("/aws/service/canonical/"):
            for image in images():
                if image.newest:
                    self[image.ssm_parameter] = [_parameter(self, image.ssm_parameter, image.id)]


def _parameter(parameters: ParameterDict, name: str, value: str) -> Parameter:
    return Parameter(  # type: ignore[abstract] # moto does so too
        account_id=parameters.account_id,
        name=name,
        value=value,
        parameter_type="String",
        description=None,
        allowed_pattern=None,
        keyid=None,
        last_modified_date=utcnow(),
        version=1,
        data_type="aws:ec2:image",
    )
