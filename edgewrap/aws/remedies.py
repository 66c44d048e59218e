"""Errors of AWS, its SDKs, the AWS provider and Terraform: the likely cause and what to do.

The codes are AWS's own; boto3's messages and Terraform's diagnostics both have them. A row of a table has a pattern at
the margin; below it are the cause and the advice, indented by two spaces. Each may have more lines, indented further.
"""

from __future__ import annotations

import re

from edgewrap.remedies import Remedy


def _table(text: str) -> tuple[Remedy, ...]:
    """The rows of a table; lines that begin with `#` are headings."""
    rows = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).strip()
    parts = (re.split(r"\n  (?=\S)", row) for row in re.split(r"\n(?=\S)", rows))
    return tuple(
        Remedy(re.sub(r"\n\s+", "", pattern), re.sub(r"\n\s+", " ", cause), re.sub(r"\n\s+", " ", advice))
        for pattern, cause, advice in parts
    )


S3 = _table(r"""
NoSuchBucket
  there is no such bucket
  create it, with versioning on, or correct terraform.backend.s3.bucket
AccessDenied|\(403\)
  the credentials lack permissions on the bucket
  allow s3:ListBucket on the bucket, and s3:GetObject, PutObject and DeleteObject on the key and on all that begin with
    it
PermanentRedirect|AuthorizationHeaderMalformed
  the bucket is in another region
  correct terraform.backend.s3.region
""")
"""Errors of S3 about the state's bucket."""

REMEDIES = _table(r"""
# Credentials, permissions and regions
iam:PassRole
  the credentials may not pass the role of aws.instance_profile to an instance
  allow iam:PassRole on that role; docs/security.md lists all that edgewrap needs
explicit deny in a service control policy
  a policy of the organisation forbids it, whatever the account itself allows
  ask those who manage the organisation to allow the action that the message names, in this region
UnauthorizedOperation|AccessDenied|is not authorized to perform|api error Forbidden
  the credentials lack a permission
  allow the action that the message names; docs/security.md lists all that edgewrap needs
Invalid IAM Instance Profile
  the account has no instance profile of the name in aws.instance_profile
  correct the name, or create the profile in IAM first
SSO session|SSO [Tt]oken|SSOToken|\bsso\b|InvalidGrantException
  the sign-in to the organisation's portal has ended
  sign in again: `aws sso login`
assume role with MFA enabled|AssumeRoleTokenProvider
  the profile assumes a role with mfa_serial, and Terraform does not ask for codes
  get credentials of a session first, which asks once: `eval "$(aws configure export-credentials --profile NAME --format
    env)"`, and unset AWS_PROFILE
ExpiredToken|RequestExpired|[Tt]oken (included in the request )?(has|is) expired
  the session has ended, or this machine's clock is wrong
  get new credentials (`aws sso login`, or assume the role again), and check the clock
SignatureDoesNotMatch|InvalidSignatureException
  the secret key does not belong to the access key, or this machine's clock is wrong
  set AWS_SECRET_ACCESS_KEY again, and check the clock
InvalidIdentityToken|No OpenIDConnect provider
  the account does not trust the OIDC token of the pipeline
  add its issuer as an identity provider in IAM, and let the role trust it for this audience and subject
Partial credentials found
  half of the credentials is missing
  set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY together, or neither of them
Error when retrieving credentials from|process provider error|failed to retrieve jwt
  the program or service that AWS's configuration gets the credentials from has failed
  run the program that the message names (`credential_process` in ~/.aws/config), and sign in again if it asks; a file
    that it names must exist
InvalidClientTokenId|not able to validate the provided access credentials|UnrecognizedClient|InvalidAccessKeyId
  AWS does not know these credentials in this region
  check them with `aws sts get-caller-identity`; a region that is off by default must be enabled in the account's
    settings first
source_profile \S+ referenced|failed to load assume role .* failed to get shared config profile
  the source_profile of a profile names a profile that ~/.aws/config does not have
  correct source_profile; `aws configure list-profiles` lists the existing ones
config profile \(.*\) could not be found|failed to get shared config profile
  AWS_PROFILE names a profile that ~/.aws/config does not have
  correct AWS_PROFILE; `aws configure list-profiles` lists the existing ones
InfiniteLoopConfigError
  a profile's source_profile leads back to the profile itself
  correct source_profile in ~/.aws/config
Unable to parse config file
  a file of AWS's configuration cannot be parsed
  correct the file that the message names; `aws configure list` says whether it can be read
No valid credential sources|Unable to locate credentials|no EC2 IMDS role found|NoCredentialProviders
  no AWS credentials found
  set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or sign in (`aws sso login`)
PendingVerification
  AWS is still verifying the account for this region, which takes up to four hours
  wait for AWS's mail, then re-run
need to accept terms and subscribe
  the image is a product of the AWS Marketplace that the account is not subscribed to
  subscribe at the address in the message, or use another image in hosts.ami
OptInRequired|not subscribed to this service
  the account is not signed up for this service or this region
  enable the region in the account's settings
[Ii]nvalid AWS Region|Provided region_name .* doesn't match a supported format
  there is no such region
  correct aws.region
# Quotas
PrivateIpAddressLimitExceeded|InvalidInterface\.IpAddressLimitExceeded
  the interface has more addresses than the instance type allows
  remove the addresses that edgewrap did not assign, then re-run
Address \S+ is not assigned to
  the interface of a group has lost private addresses: they were unassigned by hand or by another program
  run `edgewrap plan`: its warnings have the command that assigns them again
AddressLimitExceeded
  the account's quota of Elastic IPs in this region is used up (5 unless raised)
  raise the quota L-0263D0A3 in Service Quotas, or release unused addresses; to have fewer Elastic IPs, lower
    public_network.elastic_ips.count, and list in `retired` the indexes that the next plan names
VpcLimitExceeded|maximum number of VPCs
  the account's quota of VPCs in this region is used up (5 unless raised)
  raise the quota L-F678F1CE in Service Quotas, or delete an unused VPC
InternetGatewayLimitExceeded|maximum number of internet gateways
  the account's quota of internet gateways in this region is used up: it is as large as that of VPCs
  raise the quota of VPCs (L-F678F1CE) in Service Quotas, or delete an unused gateway
VcpuLimitExceeded|InstanceLimitExceeded
  the account's quota of running instances of this family is too small for another metal host
  raise the quota `Running On-Demand … instances` of its family (counted in vCPUs) in Service Quotas
NetworkInterfaceLimitExceeded|maximum number of network interfaces
  the account's quota of network interfaces in this region is used up
  raise the quota L-DF5E4CA3 in Service Quotas, or delete unused interfaces
AttachmentLimitExceeded|Interface count \d+ exceeds the limit
  the host has as many network interfaces as its type allows: some are not edgewrap's
  detach foreign interfaces of the host in EC2, and re-run
RulesPerSecurityGroupLimitExceeded
  the security group would have more rules than the account's quota allows (60 unless raised)
  use fewer rules or larger networks in public_network.security_group or ssh.from, lower hosts.count (the hosts' group
    has a rule for each host), or raise the quota L-0EA8095F
SecurityGroupLimitExceeded
  the account's quota of security groups in this region is used up
  raise the quota L-E79EC296 in Service Quotas, or delete unused groups
VolumeModificationRateExceeded|IncorrectModificationState|maximum modification rate
  AWS changes a volume at most once in 6 hours, and the last change of this one is not that old
  re-run when 6 hours have passed; all other hosts and volumes are already changed
VolumeLimitExceeded|MaxStorageLimitExceeded|exceeded your maximum \S+ storage limit
  the account's quota of EBS storage in this region is too small for another volume
  raise the quota of gp3 storage (L-7A658B76) in Service Quotas, or lower hosts.root_volume_gb or datastore_volume.gb
RequestLimitExceeded|Throttling|Rate exceeded|TooManyRequests
  the account sends more requests than AWS allows; other tools count too
  wait a few minutes and re-run
# Capacity
InsufficientInstanceCapacity|InsufficientHostCapacity|InsufficientCapacityOnHost
  AWS has no capacity for this instance type in this zone now
  re-run later; while no host exists yet, `zone: auto` in aws tries the other zones too
ReservationCapacityExceeded|InvalidCapacityReservation
  the reservation in hosts.capacity_reservation does not exist in this region, or has no capacity left
  enlarge it in EC2, or use another one, `open` or `none`; its zone must be that of aws.zone
InvalidPlacementGroup
  there is no such placement group in this region
  correct hosts.placement_group, or create the group first
InsufficientAddressCapacity
  AWS has no free public address in this region now
  re-run later
InsufficientFreeAddressesInSubnet|sufficient free Ipv4 addresses
  the subnet has too few free addresses: it has foreign network interfaces
  find them among the subnet's network interfaces in EC2, delete them, and re-run
not supported in your requested Availability Zone
  the zone does not offer the instance type
  write `zone: auto` in aws, or one of the zones that the message names
# Resources
InvalidInstanceType|supplied instance types do not exist
  there is no such instance type in this region
  correct hosts.instance_type
InvalidAMIID\.|Not authorized for images|collecting instance settings: (couldn't find resource|empty result)
  the image does not exist in this region, or this account may not use it
  correct hosts.ami: an image belongs to one region; `ubuntu-24.04` finds the right one
does not match the architecture
  the image has another architecture than the instance type
  correct hosts.ami: `ubuntu-24.04` finds the right one; or use another hosts.instance_type
is smaller than snapshot
  the root volume is smaller than the image
  raise hosts.root_volume_gb to the size that the message names, or more
InvalidPermission\.Duplicate
  someone added this rule to the security group during this run
  re-run: the rule is imported
InvalidGroup\.Duplicate
  the VPC has a foreign security group of this name
  delete that group, and re-run
does not belong to you|do not have permission to access the specified resource
  the Elastic IP is not this account's; perhaps it was released
  look at the account's Elastic IPs in EC2, and re-run: what is missing is created
InvalidKey\.Format
  EC2 accepts RSA and ED25519 keys only
  use another key in ssh.public_key (`ssh-keygen -t ed25519` creates one)
InvalidKeyPair\.Duplicate
  a key pair of this name exists
  delete the key pair that an interrupted run left, and re-run
InvalidSubnet\.Conflict
  a foreign subnet of the VPC has these addresses
  delete that subnet, or use a free part of the VPC in aws.network.subnet, and re-run
InvalidIPAddress\.InUse|Address \S+ is in use|PrivateIpAddress.*(in use|already assigned)
  a foreign network interface has an address of the cluster
  find it among the subnet's network interfaces in EC2; if nothing needs it, delete it, and re-run
Resource\.AlreadyAssociated|is already associated with
  someone else associated the Elastic IP or the address during this run
  remove that association in EC2, and re-run
disableApiTermination|disableApiStop
  the instance is protected against being stopped or terminated
  switch the protection off in EC2, then re-run; edgewrap does so itself if the credentials may call
    ec2:ModifyInstanceAttribute
Client\.InternalError|InvalidKMSKey|KMSKeyNotAccessible
  EC2 has no permission for the key that encrypts the account's EBS volumes
  allow the credentials and EC2 to use the account's default EBS key in KMS
IncorrectState|IncorrectInstanceState
  an instance is being stopped, started or terminated, and AWS refuses changes until that is done
  re-run in a few minutes; metal takes up to 20 to stop
DependencyViolation
  a foreign resource depends on the one to delete
  find it in the VPC (an interface, a load balancer, an instance), remove it, and re-run
NoSuchBucket|S3 bucket \S* ?does not exist
  the bucket of terraform.backend.s3.bucket does not exist
  create the bucket first, with versioning, or correct the name
requested bucket from \S+ actual location
  the bucket is in another region than terraform.backend.s3.region says
  correct terraform.backend.s3.region: the message names the bucket's
Invalid\w+(ID|Id|ID?s)?\.NotFound|InvalidAssociationID|couldn't find resource
  the resource was deleted by someone else during this run, or AWS does not show it yet
  re-run: it creates what is missing
timeout while waiting for state|timeout while waiting for resource
  AWS did not finish the step in time; a metal host may take longer than usual
  look at the resource in EC2, then re-run
InternalError|InternalFailure|ServiceUnavailable|Service Unavailable
  an error inside AWS
  look at the AWS Health Dashboard, and re-run later
# Terraform, its providers and the network
Provider produced (inconsistent|invalid)
  the AWS provider got an unexpected answer: perhaps AWS does not show yet what was just created or changed
  re-run
Inconsistent dependency lock file|does not match configured version constraint|Required plugins are not installed
  the rendered module was initialised for another version of the provider, or the provider was deleted
  delete .terraform and .terraform.lock.hcl in the directory of the rendered module, and re-run
Error acquiring the state lock.*PreconditionFailed
  another terraform holds the lock of this state in S3, or one that was killed left it there
  wait for it to end; if it is dead, `edgewrap force-unlock ID` with the ID in the message of the lock
Error acquiring the state lock(?!.*no space left on device)
  another terraform holds the lock of this state: perhaps one of an earlier run that finishes its step
  wait for it to end; its process id is in the message of the lock
Failed to (save|persist) state|Error saving state|errored\.tfstate
  terraform could not write its state: the disk is full, or the directory is not writable
  free some space, or give write permission, and re-run: if terraform left its state in errored.tfstate, the run says
    where to copy it
no space left on device
  the disk is full
  free some space in the working directory and the directory of temporary files, then re-run
does ?n[o']t match any of the checksums
  the provider in the directory of providers has changed since the last init
  restore the provider; if the change is intended, delete .terraform.lock.hcl in the module's directory
Failed to load plugin schemas|Plugin did not respond|Failed to instantiate provider|exec format error
  the AWS provider could not be started, or died: too little memory (it needs about 1 GB), or it is built for another
    architecture
  look at the memory of this machine, and at the architecture of the files in the directory of providers
not found in any of the search locations|no available releases match|cannot search .*: lstat
  the directory of providers does not hold the AWS provider in the version that edgewrap needs
  add it (see docs/terraform.md), or correct terraform.plugin_dir, --plugin-dir or EDGEWRAP_PLUGIN_DIR
Failed to query available provider packages|Failed to install provider
  the provider registry cannot be reached from here
  name a directory that holds the providers: terraform.plugin_dir, --plugin-dir or EDGEWRAP_PLUGIN_DIR; for the lab,
    which has no internet access, `make providers` fills one that `lab exec` finds
certificate signed by unknown authority|CERTIFICATE_VERIFY_FAILED|SSL validation failed
  the certificate of the endpoint is not trusted: a proxy replaces it, or the endpoint is not AWS's own
  set AWS_CA_BUNDLE to the file of the authority that signed it
connection reset by peer|Connection was closed before
  the connection to AWS was closed
  re-run; if it happens again, check the proxy or firewall in between
proxyconnect tcp|Failed to connect to proxy URL
  the proxy that HTTPS_PROXY or HTTP_PROXY names cannot be reached, or refuses the connection
  correct it, or name in NO_PROXY the hosts that are reached without it
endpoint URL: \"https://[\w.-]+\.amazonaws\.com|lookup \S+\.amazonaws\.com.*no such host
  AWS's endpoint of this region does not answer: there is no such region, or no network
  correct aws.region if it is mistyped; else check the network and the proxy settings
connection refused|no such host|i/o timeout|dial tcp|context deadline exceeded|EndpointConnectionError
    |ConnectTimeout|ReadTimeout|Connect timeout|Read timeout
  the AWS endpoint does not answer
  check the network, the proxy settings, and aws.endpoint_url or AWS_ENDPOINT_URL
""")
