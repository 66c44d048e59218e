"""Spec and inputs in, the files of a Terraform module out. Pure.

`module.py`: all files. `variables.py`: the values (`terraform.tfvars.json`). `user_data.py`: cloud-init of new hosts.
`rule_meaning.py`: the key of a security group rule. `moved_rules.py`: rules whose key changes. The HCL templates are in
`terraform/` at the top of the repository.
"""
