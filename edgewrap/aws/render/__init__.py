"""Spec and inputs in, the files of a Terraform module out. Pure.

`module.py`: all files. `variables.py`: the values (`terraform.tfvars.json`), and the key of a security group rule.
`user_data.py`: cloud-init of new hosts. `moved_rules.py`: rules whose key changes. The templates are in `terraform/` at
the top of the repository.
"""
