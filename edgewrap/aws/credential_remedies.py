"""Errors of AWS and its SDKs about credentials, permissions and regions: the likely cause and what to do."""

from __future__ import annotations

from edgewrap.remedies import Remedy

CREDENTIALS = (
    Remedy(
        r"iam:PassRole",
        "the credentials may not pass the role of aws.instance_profile to an instance",
        "allow iam:PassRole on that role; docs/terraform.md lists all that edgewrap needs",
    ),
    Remedy(
        r"explicit deny in a service control policy",
        "a policy of the organisation forbids it, whatever the account itself allows",
        "ask those who manage the organisation to allow the action that the message names, in this region",
    ),
    Remedy(
        r"UnauthorizedOperation|AccessDenied|is not authorized to perform|api error Forbidden",
        "the credentials lack a permission",
        "allow the action that the message names; docs/terraform.md lists all that edgewrap needs",
    ),
    Remedy(
        r"Invalid IAM Instance Profile",
        "the account has no instance profile of the name in aws.instance_profile",
        "correct the name, or create the profile in IAM first",
    ),
    Remedy(
        r"SSO session|SSO [Tt]oken|SSOToken|\bsso\b|InvalidGrantException",
        "the sign-in to the organisation's portal has ended",
        "sign in again: `aws sso login`",
    ),
    Remedy(
        r"ExpiredToken|RequestExpired|[Tt]oken (included in the request )?(has|is) expired",
        "the session has ended, or this machine's clock is wrong",
        "get new credentials (`aws sso login`, or assume the role again), and check the clock",
    ),
    Remedy(
        r"SignatureDoesNotMatch|InvalidSignatureException",
        "the secret key does not belong to the access key, or this machine's clock is wrong",
        "set AWS_SECRET_ACCESS_KEY again, and check the clock",
    ),
    Remedy(
        r"InvalidIdentityToken|No OpenIDConnect provider",
        "the account does not trust the OIDC token of the pipeline",
        "add its issuer as an identity provider in IAM, and let the role trust it for this audience and subject",
    ),
    Remedy(
        r"Partial credentials found",
        "half of the credentials is missing",
        "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY together, or neither of them",
    ),
    Remedy(
        r"Error when retrieving credentials from|process provider error|failed to retrieve jwt",
        "the program or service that AWS's configuration gets the credentials from has failed",
        "run the program that the message names (`credential_process` in ~/.aws/config), and sign in again if it asks; "
        "a file that it names must exist",
    ),
    Remedy(
        r"InvalidClientTokenId|not able to validate the provided access credentials|UnrecognizedClient"
        r"|InvalidAccessKeyId",
        "AWS does not know these credentials in this region",
        "check them with `aws sts get-caller-identity`; a region that is off by default must be enabled in the "
        "account's settings first",
    ),
    Remedy(
        r"source_profile \S+ referenced|failed to load assume role .* failed to get shared config profile",
        "the source_profile of a profile names a profile that ~/.aws/config does not have",
        "correct source_profile; `aws configure list-profiles` lists the existing ones",
    ),
    Remedy(
        r"config profile \(.*\) could not be found|failed to get shared config profile",
        "AWS_PROFILE names a profile that ~/.aws/config does not have",
        "correct AWS_PROFILE; `aws configure list-profiles` lists the existing ones",
    ),
    Remedy(
        r"Unable to parse config file",
        "a file of AWS's configuration cannot be parsed",
        "correct the file that the message names; `aws configure list` says whether it can be read",
    ),
    Remedy(
        r"No valid credential sources|Unable to locate credentials|no EC2 IMDS role found|NoCredentialProviders",
        "no AWS credentials found",
        "set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or sign in (`aws sso login`)",
    ),
    Remedy(
        r"PendingVerification",
        "AWS is still verifying the account for this region, which takes up to four hours",
        "wait for AWS's mail, then re-run",
    ),
    Remedy(
        r"need to accept terms and subscribe",
        "the image is a product of the AWS Marketplace that the account is not subscribed to",
        "subscribe at the address in the message, or use another image in hosts.ami",
    ),
    Remedy(
        r"OptInRequired|not subscribed to this service",
        "the account is not signed up for this service or this region",
        "enable the region in the account's settings",
    ),
    Remedy(
        r"[Ii]nvalid AWS Region|Provided region_name .* doesn't match a supported format",
        "there is no such region",
        "correct aws.region",
    ),
)
