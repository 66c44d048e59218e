# An edge cluster as small as it can be, with everything that the real provider asks the lab's AWS about.

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }
}

# Nothing is skipped: the provider finds the lab by its environment alone.
provider "aws" {
  region = "eu-west-3"

  default_tags {
    tags = { cluster = "lab-aws" }
  }
}

variable "public_key" { type = string }
variable "hosts" { type = map(string) }        # key: private address
variable "groups" { type = map(list(string)) } # key: addresses, the primary one first
variable "placement" { type = map(string) }    # group: host
variable "eips" { type = map(list(string)) }   # key: group, private address

data "aws_ami" "ubuntu" {
  most_recent = true
  owners      = ["099720109477"]

  filter {
    name   = "name"
    values = ["ubuntu/images/hvm-ssd*/ubuntu-noble-24.04-amd64-server-*"]
  }
}

resource "aws_vpc" "this" {
  cidr_block = "10.0.0.0/16"
}

resource "aws_internet_gateway" "this" {
  vpc_id = aws_vpc.this.id
}

resource "aws_route_table" "this" {
  vpc_id = aws_vpc.this.id

  route {
    cidr_block = "0.0.0.0/0"
    gateway_id = aws_internet_gateway.this.id
  }
}

resource "aws_subnet" "this" {
  vpc_id                  = aws_vpc.this.id
  cidr_block              = "10.0.0.0/24"
  availability_zone       = "eu-west-3a"
  map_public_ip_on_launch = true
}

resource "aws_route_table_association" "this" {
  subnet_id      = aws_subnet.this.id
  route_table_id = aws_route_table.this.id
}

resource "aws_security_group" "this" {
  for_each = toset(["hosts", "vms"])

  name        = each.key
  description = "of the ${each.key}"
  vpc_id      = aws_vpc.this.id
}

resource "aws_vpc_security_group_ingress_rule" "ssh" {
  security_group_id = aws_security_group.this["hosts"].id
  ip_protocol       = "tcp"
  from_port         = 22
  to_port           = 22
  cidr_ipv4         = "0.0.0.0/0"
}

resource "aws_vpc_security_group_ingress_rule" "cluster" {
  security_group_id            = aws_security_group.this["hosts"].id
  ip_protocol                  = "-1"
  referenced_security_group_id = aws_security_group.this["hosts"].id
}

resource "aws_vpc_security_group_egress_rule" "all" {
  for_each = aws_security_group.this

  security_group_id = each.value.id
  ip_protocol       = "-1"
  cidr_ipv4         = "0.0.0.0/0"
}

resource "aws_key_pair" "this" {
  key_name   = "lab-aws"
  public_key = var.public_key
}

resource "aws_instance" "host" {
  for_each = var.hosts

  ami                    = data.aws_ami.ubuntu.id
  instance_type          = "c5.metal"
  key_name               = aws_key_pair.this.key_name
  subnet_id              = aws_subnet.this.id
  private_ip             = each.value
  vpc_security_group_ids = [aws_security_group.this["hosts"].id]

  metadata_options {
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  root_block_device {
    volume_type = "gp3"
    volume_size = 512
    encrypted   = true
    tags        = { Name = each.key }
  }

  depends_on = [aws_route_table_association.this]
}

resource "aws_network_interface" "group" {
  for_each = var.groups

  subnet_id               = aws_subnet.this.id
  security_groups         = [aws_security_group.this["vms"].id]
  private_ip_list_enabled = true
  private_ip_list         = each.value

  lifecycle {
    ignore_changes = [private_ip_list, private_ips, private_ips_count]
  }

  depends_on = [aws_route_table_association.this]
}

resource "aws_network_interface_attachment" "group" {
  for_each = var.groups

  instance_id          = aws_instance.host[var.placement[each.key]].id
  network_interface_id = aws_network_interface.group[each.key].id
  device_index         = 1 + index(sort(keys(var.groups)), each.key)
}

resource "aws_eip" "this" {
  for_each = var.eips

  domain = "vpc"
}

resource "aws_eip_association" "this" {
  for_each = var.eips

  allocation_id        = aws_eip.this[each.key].allocation_id
  network_interface_id = aws_network_interface.group[each.value[0]].id
  private_ip_address   = each.value[1]
  allow_reassociation  = true
}

# A host with its secondary addresses on its own interface from the start, and an Elastic IP instead of the subnet's.
resource "aws_instance" "pet" {
  ami                   = data.aws_ami.ubuntu.id
  instance_type         = "c5.metal"
  subnet_id             = aws_subnet.this.id
  private_ip            = "10.0.0.30"
  secondary_private_ips = ["10.0.0.31", "10.0.0.32"]

  vpc_security_group_ids = [aws_security_group.this["hosts"].id]

  depends_on = [aws_route_table_association.this]
}

resource "aws_eip" "pet" {
  domain = "vpc"
}

resource "aws_eip_association" "pet" {
  allocation_id        = aws_eip.pet.allocation_id
  network_interface_id = aws_instance.pet.primary_network_interface_id
  private_ip_address   = "10.0.0.30"
}

output "host_addresses" {
  value = { for key, host in aws_instance.host : key => host.public_ip }
}
