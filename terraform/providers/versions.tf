# The provider that `make providers` puts into .tools/providers, for the lab. The version is that of ../root/main.tf.j2.
terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }
}
