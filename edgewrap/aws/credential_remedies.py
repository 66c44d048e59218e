"""What AWS and its SDKs say of credentials, rights and regions that are not as they should be."""

from __future__ import annotations

from edgewrap.remedies import Remedy

CREDENTIALS = (
    Remedy(
        r"iam:PassRole",
        "the credentials may not give the role of aws.instance_profile to an instance",
        "allow iam:PassRole on that role; docs/terraform.md lists all that edgewrap needs",
    ),
    Remedy(
        r"explicit deny in a service control policy",
        "the organisation's policy forbids it, whatever the account's own rights are",
        "ask those who manage the organisation to allow the action that the message names, in this region",
    ),
    Remedy(
        r"UnauthorizedOperation|AccessDenied|is not authorized to perform|api error Forbidden",
        "the credentials have too few rights",
        "allow the action that the message names; docs/terraform.md lists all that edgewrap needs",
    ),
    Remedy(
        r"Invalid IAM Instance Profile",
        "the account has no instance profile of the name in aws.instance_profile",
        "correct the name, or make the profile in IAM first",
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
        "the account does not trust the token of the pipeline, or of what else signs in by OIDC",
        "make its issuer an identity provider in IAM, and let the role trust it for this audience and subject",
    ),
    Remedy(
        r"Partial credentials found",
        "half of the credentials is missing in the place that the message names",
        "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY together, or neither of them",
    ),
    Remedy(
        r"Error when retrieving credentials from|process provider error|failed to retrieve jwt",
        "the program or service that AWS's configuration gets the credentials from has failed",
        "run what the message names by itself (`credential_process` in ~/.aws/config), and sign in again if it asks; "
        "a file that it names has to be there",
    ),
    Remedy(
        r"InvalidClientTokenId|not able to validate the provided access credentials|UnrecognizedClient"
        r"|InvalidAccessKeyId",
        "AWS does not know these credentials in this region",
        "check them with `aws sts get-caller-identity`; a region that is not on by default must be enabled in the "
        "account's settings first",
    ),
    Remedy(
        r"source_profile \S+ referenced|failed to load assume role .* failed to get shared config profile",
        "the source_profile of a profile names a profile that ~/.aws/config does not have",
        "correct source_profile; `aws configure list-profiles` shows those that there are",
    ),
    Remedy(
        r"config profile \(.*\) could not be found|failed to get shared config profile",
        "AWS_PROFILE names a profile that ~/.aws/config does not have",
        "correct AWS_PROFILE; `aws configure list-profiles` shows those that there are",
    ),
    Remedy(
        r"Unable to parse config file",
        "a file of AWS's configuration cannot be read: it is not in the form that AWS's tools take",
        "correct the file that the message names; `aws configure list` says whether it can be read",
    ),
    Remedy(
        r"No valid credential sources|Unable to locate credentials|no EC2 IMDS role found|NoCredentialProviders",
        "none of AWS's usual places holds credentials",
        "set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or sign in (`aws sso login`)",
    ),
    Remedy(
        r"PendingVerification",
        "AWS still verifies the account for this region, which takes up to four hours",
        "wait for the mail that says it is done, then run it again",
    ),
    Remedy(
        r"need to accept terms and subscribe",
        "the image is a product of the AWS Marketplace that the account is not subscribed to",
        "subscribe at the address that the message names, or name another image in hosts.ami",
    ),
    Remedy(
        r"OptInRequired|not subscribed to this service",
        "the account is not signed up for this service or this region",
        "enable the region in the account's settings",
    ),
    Remedy(
        r"[Ii]nvalid AWS Region|Provided region_name .* doesn't match a supported format",
        "there is no region of that name",
        "correct aws.region",
    ),
)
