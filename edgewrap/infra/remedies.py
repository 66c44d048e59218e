"""What AWS, the AWS provider and Terraform say when they fail: the likely cause and what to do.

The codes are AWS's own; they stand in boto3's messages and in Terraform's diagnostics alike.
"""

from __future__ import annotations

from edgewrap.remedies import Remedy

S3 = (
    Remedy(
        r"NoSuchBucket",
        "there is no such bucket",
        "make it, with versioning on, or correct terraform.backend.s3.bucket",
    ),
    Remedy(
        r"AccessDenied|\(403\)",
        "the credentials have too few rights on the bucket",
        "allow s3:ListBucket on the bucket, and s3:GetObject, PutObject and DeleteObject on the key and on all that "
        "begin with it",
    ),
    Remedy(
        r"PermanentRedirect|AuthorizationHeaderMalformed",
        "the bucket is in another region",
        "correct terraform.backend.s3.region",
    ),
)
"""What S3 says of the bucket of the state."""

LIMITS = (
    Remedy(
        r"PrivateIpAddressLimitExceeded",
        "the instance type takes fewer addresses on an interface than its group has",
        "take the addresses off that somebody else assigned, then run it again",
    ),
    Remedy(
        r"AddressLimitExceeded",
        "the account's quota of Elastic IPs in this region is used up (5 unless raised)",
        "raise the quota L-0263D0A3 in Service Quotas, lower public_network.elastic_ips.count, or release addresses "
        "that nothing uses",
    ),
    Remedy(
        r"VpcLimitExceeded",
        "the account's quota of VPCs in this region is used up (5 unless raised)",
        "raise the quota L-F678F1CE in Service Quotas, or delete a VPC that nothing uses",
    ),
    Remedy(
        r"InternetGatewayLimitExceeded",
        "the account's quota of internet gateways in this region is used up: it is as large as that of VPCs",
        "raise the quota of VPCs (L-F678F1CE) in Service Quotas, or delete a gateway that nothing uses",
    ),
    Remedy(
        r"VcpuLimitExceeded|InstanceLimitExceeded",
        "the account's quota of running instances of this family is too small for another metal host",
        "raise the quota `Running On-Demand … instances` of its family (counted in vCPUs) in Service Quotas",
    ),
    Remedy(
        r"NetworkInterfaceLimitExceeded|maximum number of network interfaces",
        "the account's quota of network interfaces in this region is used up",
        "raise the quota L-DF5E4CA3 in Service Quotas, or delete interfaces that nothing uses",
    ),
    Remedy(
        r"AttachmentLimitExceeded|Interface count \d+ exceeds the limit",
        "the host has as many network interfaces as its type takes: somebody attached others than edgewrap's",
        "look at the host's interfaces in EC2, detach those of others, and run it again",
    ),
    Remedy(
        r"RulesPerSecurityGroupLimitExceeded",
        "the security group would have more rules than the account's quota allows (60 unless raised)",
        "say the same with fewer rules or larger networks in public_network.security_group or ssh.from, or raise the "
        "quota L-0EA8095F",
    ),
    Remedy(
        r"SecurityGroupLimitExceeded",
        "the account's quota of security groups in this region is used up",
        "raise the quota L-E79EC296 in Service Quotas, or delete groups that nothing uses",
    ),
    Remedy(
        r"VolumeLimitExceeded|MaxStorageLimitExceeded|exceeded your maximum \S+ storage limit",
        "the account's quota of EBS storage in this region is too small for another root volume",
        "raise the quota of gp3 storage (L-7A658B76) in Service Quotas, or lower hosts.root_volume_gb",
    ),
    Remedy(
        r"RequestLimitExceeded|Throttling|Rate exceeded|TooManyRequests",
        "the account sends more requests to AWS than AWS takes: other tools count too",
        "wait a few minutes and run it again: it goes on from here",
    ),
)

CAPACITY = (
    Remedy(
        r"InsufficientInstanceCapacity|InsufficientHostCapacity|InsufficientCapacityOnHost",
        "AWS has no free metal host of this type in this zone now",
        "run it again later; while no host exists yet, `destroy` and set another aws.zone",
    ),
    Remedy(
        r"InsufficientAddressCapacity",
        "AWS has no free public address in this region now",
        "run it again later",
    ),
    Remedy(
        r"InsufficientFreeAddressesInSubnet",
        "the subnet has too few free addresses: something that edgewrap did not make is in it",
        "find it among the subnet's network interfaces in EC2, take it away, and run it again",
    ),
    Remedy(
        r"not supported in your requested Availability Zone",
        "the zone does not offer the instance type",
        "write `zone: auto` in aws, or one of the zones that the message names",
    ),
)

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
        r"UnauthorizedOperation|AccessDenied|is not authorized to perform",
        "the credentials have too few rights",
        "allow the action that the message names; docs/terraform.md lists all that edgewrap needs",
    ),
    Remedy(
        r"Invalid IAM Instance Profile",
        "the account has no instance profile of the name in aws.instance_profile",
        "correct the name, or make the profile in IAM first",
    ),
    Remedy(
        r"SSO session|SSO Token|SSOToken|\bsso\b",
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
        r"InvalidClientTokenId|AuthFailure|UnrecognizedClient|InvalidAccessKeyId",
        "AWS does not know these credentials in this region",
        "check them with `aws sts get-caller-identity`",
    ),
    Remedy(
        r"config profile \(.*\) could not be found|failed to get shared config profile",
        "AWS_PROFILE names a profile that ~/.aws/config does not have",
        "correct AWS_PROFILE; `aws configure list-profiles` shows those that there are",
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

THINGS = (
    Remedy(
        r"InvalidInstanceType|supplied instance types do not exist",
        "there is no such instance type in this region",
        "correct hosts.instance_type",
    ),
    Remedy(
        r"InvalidAMIID\.",
        "the image is not there in this region, or not for this account",
        "correct hosts.ami: an image belongs to one region; `ubuntu-24.04` finds the right one by itself",
    ),
    Remedy(
        r"InvalidKey\.Format",
        "EC2 takes RSA and ED25519 keys only",
        "name another key in ssh.public_key (`ssh-keygen -t ed25519` makes one)",
    ),
    Remedy(
        r"InvalidKeyPair\.Duplicate",
        "a key pair of this name exists",
        "delete the key pair that an interrupted run left, and run again",
    ),
    Remedy(
        r"InvalidSubnet\.Conflict",
        "another subnet of the VPC has these addresses: somebody made it beside ours",
        "delete that subnet, and run it again",
    ),
    Remedy(
        r"InvalidIPAddress\.InUse|Address \S+ is in use|PrivateIpAddress.*(in use|already assigned)",
        "something that edgewrap did not make has an address of the cluster's",
        "find it among the subnet's network interfaces in EC2, take it away, and run it again",
    ),
    Remedy(
        r"Resource\.AlreadyAssociated|is already associated with",
        "somebody else has associated the Elastic IP or the address meanwhile",
        "take that association away in EC2, and run it again",
    ),
    Remedy(
        r"disableApiTermination|disableApiStop",
        "the instance is protected against being stopped or terminated",
        "switch its protection off in EC2 if the host is really to go, then run it again",
    ),
    Remedy(
        r"Client\.InternalError|InvalidKMSKey|KMSKeyNotAccessible",
        "EC2 may not use the key that encrypts the account's EBS volumes",
        "allow the credentials and EC2 to use the account's default EBS key in KMS",
    ),
    Remedy(
        r"IncorrectState|IncorrectInstanceState",
        "an instance is just being stopped, started or terminated, and AWS does not change it meanwhile",
        "run it again in a few minutes; metal takes up to 20 to stop",
    ),
    Remedy(
        r"DependencyViolation",
        "something that edgewrap did not make uses the thing that should go",
        "find it in the VPC (an interface, a load balancer, an instance), remove it, and run again",
    ),
    Remedy(
        r"NoSuchBucket|S3 bucket \S* ?does not exist",
        "there is no bucket of the name in terraform.backend.s3.bucket",
        "make the bucket first, with versioning, or correct the name",
    ),
    Remedy(
        r"Invalid\w+(ID|Id|ID?s)?\.NotFound|InvalidAssociationID|couldn't find resource",
        "somebody took the thing away while the run went on, or AWS does not show it yet",
        "run it again: it plans anew and makes what is missing",
    ),
    Remedy(
        r"timeout while waiting for state|timeout while waiting for resource",
        "AWS did not come to the end of the step in its time; a metal host may take longer than usual",
        "look at it in EC2, then run it again: it goes on from here",
    ),
    Remedy(
        r"InternalError|InternalFailure|ServiceUnavailable|Service Unavailable",
        "a fault of AWS's own",
        "look at the AWS Health Dashboard, and run it again later: it goes on from here",
    ),
)

TERRAFORM = (
    Remedy(
        r"Error acquiring the state lock",
        "another terraform holds this state: perhaps one that an earlier run left to end its step",
        "wait for it to end; its process id is in the message of the lock",
    ),
    Remedy(
        r"Failed to (save|persist) state|Error saving state|errored\.tfstate",
        "terraform could not write the state that it had made: the disk is full, or the directory not writable",
        "make room, then `terraform state push` the errored.tfstate that it left in the module's directory, before "
        "anything else",
    ),
    Remedy(
        r"no space left on device",
        "the disk is full",
        "make room in the working directory and in the directory of temporary files, then run it again",
    ),
    Remedy(
        r"does ?n[o']t match any of the checksums",
        "the provider that lies in the directory of providers is another one than at the last init",
        "put the right one there; if it is meant, delete .terraform.lock.hcl in the directory of the rendered module",
    ),
    Remedy(
        r"Failed to load plugin schemas|Plugin did not respond|Failed to instantiate provider|exec format error",
        "the AWS provider could not be started, or died: too little memory (it needs about 1 GB), or it is made for "
        "another kind of machine",
        "look at the memory of this machine, and at the architecture of the files in the directory of providers",
    ),
    Remedy(
        r"Failed to query available provider packages|Failed to install provider|registry\.terraform\.io",
        "the provider registry cannot be reached from here",
        "name a directory that holds the providers: terraform.plugin_dir, --plugin-dir or EDGEWRAP_PLUGIN_DIR",
    ),
    Remedy(
        r"certificate signed by unknown authority|CERTIFICATE_VERIFY_FAILED|SSL validation failed",
        "the certificate of the endpoint is not trusted here: a proxy replaces it, or the endpoint is one of your own",
        "set AWS_CA_BUNDLE to the file of the authority that signed it",
    ),
    Remedy(
        r"connection refused|no such host|i/o timeout|dial tcp|context deadline exceeded|EndpointConnectionError"
        r"|ConnectTimeout|ReadTimeout|Connect timeout|Read timeout",
        "the AWS endpoint does not answer",
        "check the network, the proxy settings, and aws.endpoint_url or AWS_ENDPOINT_URL",
    ),
)

REMEDIES = (*CREDENTIALS, *LIMITS, *CAPACITY, *THINGS, *TERRAFORM)
