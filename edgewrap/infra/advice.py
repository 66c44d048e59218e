"""Terraform's errors in words that help: the likely cause and what to do, by what the diagnostics say."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from edgewrap.errors import Diagnostic, EdgewrapError, PlanOutdatedError, TerraformError


@dataclass(frozen=True, slots=True)
class Advice:
    """The likely cause and what to do."""

    cause: str
    advice: str


TABLE = (
    (
        r"AddressLimitExceeded",
        Advice(
            "the account's quota of Elastic IPs in this region is used up (5 unless raised)",
            "raise the quota L-0263D0A3 in Service Quotas, lower public_network.elastic_ips.count, or release "
            "addresses that nothing uses",
        ),
    ),
    (
        r"VpcLimitExceeded",
        Advice(
            "the account's quota of VPCs in this region is used up (5 unless raised)",
            "raise the quota L-F678F1CE in Service Quotas, or delete a VPC that nothing uses",
        ),
    ),
    (
        r"VcpuLimitExceeded|InstanceLimitExceeded",
        Advice(
            "the account's quota of running instances of this family is too small for another metal host",
            "raise the quota `Running On-Demand Standard instances` (counted in vCPUs) in Service Quotas",
        ),
    ),
    (
        r"InsufficientInstanceCapacity|InsufficientHostCapacity",
        Advice(
            "AWS has no free metal host of this type in this zone now",
            "run it again later; while no host exists yet, `destroy` and set another aws.zone",
        ),
    ),
    (
        r"UnauthorizedOperation|AccessDenied|is not authorized to perform",
        Advice(
            "the credentials have too few rights",
            "allow the action that the message names; docs/terraform.md lists all that edgewrap needs",
        ),
    ),
    (
        r"No valid credential sources|ExpiredToken|InvalidClientTokenId|AuthFailure|SSO session|RequestExpired",
        Advice(
            "AWS does not know these credentials, or they have expired",
            "set AWS_PROFILE or the AWS_ACCESS_KEY_ID family, or sign in again (`aws sso login`)",
        ),
    ),
    (
        r"Error acquiring the state lock",
        Advice(
            "another terraform holds this state: perhaps one that an earlier run left to end its step",
            "wait for it to end; its process id is in the message of the lock",
        ),
    ),
    (
        r"Failed to query available provider packages|Failed to install provider|registry\.terraform\.io",
        Advice(
            "the provider registry cannot be reached from here",
            "name a directory that holds the providers: terraform.plugin_dir, --plugin-dir or EDGEWRAP_PLUGIN_DIR",
        ),
    ),
    (
        r"connection refused|no such host|i/o timeout|dial tcp|context deadline exceeded",
        Advice("the AWS endpoint does not answer", "check the network, aws.endpoint_url and AWS_ENDPOINT_URL"),
    ),
    (
        r"IncorrectState|IncorrectInstanceState",
        Advice(
            "an instance is just being stopped, started or terminated, and AWS does not change it meanwhile",
            "run it again in a few minutes; metal takes up to 20 to stop",
        ),
    ),
    (
        r"DependencyViolation",
        Advice(
            "something that edgewrap did not make uses the thing that should go",
            "find it in the VPC (an interface, a load balancer, an instance), remove it, and run again",
        ),
    ),
    (
        r"InvalidKeyPair\.Duplicate",
        Advice("a key pair of this name exists", "delete the key pair that an interrupted run left, and run again"),
    ),
)

UNKNOWN_ADVICE = Advice("see terraform's own words above", "the log file of the run has all of terraform's output")


def terraform_error(command: str, diagnostics: Sequence[Diagnostic]) -> EdgewrapError:
    """The error for a terraform command that failed with these diagnostics.

    PlanOutdatedError where a saved plan no longer fits its state, else TerraformError.
    """
    if any(diagnostic.summary == "Saved plan is stale" for diagnostic in diagnostics):
        return PlanOutdatedError(
            "the saved plan no longer fits the Terraform state",
            cause="another run changed the cluster after the plan was made",
            advice="make the plan again",
        )
    found = _advice(diagnostics)
    words = "\n".join(_words(diagnostic) for diagnostic in diagnostics)
    return TerraformError(
        f"terraform {command} failed{': ' if words else ''}{words}",
        cause=found.cause,
        advice=found.advice,
        diagnostics=diagnostics,
    )


def _advice(diagnostics: Sequence[Diagnostic]) -> Advice:
    text = "\n".join(f"{diagnostic.summary}\n{diagnostic.detail}" for diagnostic in diagnostics)
    return next((advice for pattern, advice in TABLE if re.search(pattern, text)), UNKNOWN_ADVICE)


def _words(diagnostic: Diagnostic) -> str:
    where = f"{diagnostic.address}: " if diagnostic.address else ""
    detail = f" ({' '.join(diagnostic.detail.split())})" if diagnostic.detail else ""
    return f"{where}{' '.join(diagnostic.summary.split())}{detail}"
