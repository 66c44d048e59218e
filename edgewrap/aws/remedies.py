"""What AWS, the AWS provider and Terraform say when they fail: the likely cause and what to do.

The codes are AWS's own; they stand in boto3's messages and in Terraform's diagnostics alike.
"""

from __future__ import annotations

from edgewrap.aws.credential_remedies import CREDENTIALS
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
        r"VpcLimitExceeded|maximum number of VPCs",
        "the account's quota of VPCs in this region is used up (5 unless raised)",
        "raise the quota L-F678F1CE in Service Quotas, or delete a VPC that nothing uses",
    ),
    Remedy(
        r"InternetGatewayLimitExceeded|maximum number of internet gateways",
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
        "say the same with fewer rules or larger networks in public_network.security_group or ssh.from, lower "
        "hosts.count (the hosts' group has a rule for each host), or raise the quota L-0EA8095F",
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
        r"InsufficientFreeAddressesInSubnet|sufficient free Ipv4 addresses",
        "the subnet has too few free addresses: something that edgewrap did not make is in it",
        "find it among the subnet's network interfaces in EC2, take it away, and run it again",
    ),
    Remedy(
        r"not supported in your requested Availability Zone",
        "the zone does not offer the instance type",
        "write `zone: auto` in aws, or one of the zones that the message names",
    ),
)

RESOURCES = (
    Remedy(
        r"InvalidInstanceType|supplied instance types do not exist",
        "there is no such instance type in this region",
        "correct hosts.instance_type",
    ),
    Remedy(
        r"InvalidAMIID\.|Not authorized for images|collecting instance settings: (couldn't find resource|empty result)",
        "the image is not there in this region, or not for this account",
        "correct hosts.ami: an image belongs to one region; `ubuntu-24.04` finds the right one by itself",
    ),
    Remedy(
        r"does not match the architecture",
        "the image is made for another architecture than the instance type has",
        "correct hosts.ami: `ubuntu-24.04` finds the right one by itself; or take another hosts.instance_type",
    ),
    Remedy(
        r"is smaller than snapshot",
        "the root volume is smaller than the image",
        "raise hosts.root_volume_gb to the size that the message names, or more",
    ),
    Remedy(
        r"InvalidGroup\.Duplicate",
        "the VPC has a security group of this name that edgewrap did not make",
        "delete that group, and run it again",
    ),
    Remedy(
        r"does not belong to you|do not have permission to access the specified resource",
        "the Elastic IP is not this account's, or no longer: somebody released it",
        "look at the account's Elastic IPs in EC2, and run it again: what is missing is made anew",
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
        r"requested bucket from \S+ actual location",
        "the bucket is in another region than terraform.backend.s3.region says",
        "correct terraform.backend.s3.region: the message names the bucket's",
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
        r"Provider produced (inconsistent|invalid)",
        "the AWS provider got another answer than it expected: AWS may not show yet what it has just made or changed",
        "run it again: it goes on from here",
    ),
    Remedy(
        r"Inconsistent dependency lock file|does not match configured version constraint"
        r"|Required plugins are not installed",
        "the rendered module was initialised for another version of the provider, or the provider is gone from there",
        "delete .terraform and .terraform.lock.hcl in the directory of the rendered module, and run it again",
    ),
    Remedy(
        r"Error acquiring the state lock.*PreconditionFailed",
        "another terraform holds this state in S3, or one that was killed has left its lock there",
        "wait for it to end; if it is dead, `edgewrap force-unlock ID` with the ID in the message of the lock",
    ),
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
        r"not found in any of the search locations|no available releases match|cannot search .*: lstat",
        "the directory of providers does not hold the AWS provider in the version that edgewrap takes",
        "put it there (docs/terraform.md says how), or correct terraform.plugin_dir, --plugin-dir or "
        "EDGEWRAP_PLUGIN_DIR",
    ),
    Remedy(
        r"Failed to query available provider packages|Failed to install provider",
        "the provider registry cannot be reached from here",
        "name a directory that holds the providers: terraform.plugin_dir, --plugin-dir or EDGEWRAP_PLUGIN_DIR; for the "
        "lab, which has no internet access, `make providers` fills one that `lab exec` finds",
    ),
    Remedy(
        r"certificate signed by unknown authority|CERTIFICATE_VERIFY_FAILED|SSL validation failed",
        "the certificate of the endpoint is not trusted here: a proxy replaces it, or the endpoint is one of your own",
        "set AWS_CA_BUNDLE to the file of the authority that signed it",
    ),
    Remedy(
        r"connection reset by peer|Connection was closed before",
        "the connection to AWS broke off",
        "run it again: it goes on from here; if it comes again, look at the proxy or firewall in between",
    ),
    Remedy(
        r"proxyconnect tcp|Failed to connect to proxy URL",
        "the proxy that HTTPS_PROXY or HTTP_PROXY names cannot be reached, or does not let us through",
        "correct it, or name in NO_PROXY the hosts that are reached without it",
    ),
    Remedy(
        r"endpoint URL: \"https://[\w.-]+\.amazonaws\.com|lookup \S+\.amazonaws\.com.*no such host",
        "nothing answers at AWS's endpoint of this region: there is no such region, or no network",
        "correct aws.region if it is mistyped; else check the network and the proxy settings",
    ),
    Remedy(
        r"connection refused|no such host|i/o timeout|dial tcp|context deadline exceeded|EndpointConnectionError"
        r"|ConnectTimeout|ReadTimeout|Connect timeout|Read timeout",
        "the AWS endpoint does not answer",
        "check the network, the proxy settings, and aws.endpoint_url or AWS_ENDPOINT_URL",
    ),
)

REMEDIES = (*CREDENTIALS, *LIMITS, *CAPACITY, *RESOURCES, *TERRAFORM)
