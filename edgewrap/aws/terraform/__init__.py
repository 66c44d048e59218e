"""Terraform: its resources, its process, its output.

`resources.py`: the table of resources. `runner.py`: the commands, and their failures. `process.py`: one process.
`workdir.py`: paths. `binary.py`: which terraform, and its environment. `init_stamp.py`: whether `init` must run.
`shared_provider.py`: one provider for all processes of a run. `provider_supervisor.py`: the script that ends it.
`json_output.py`: `-json` output as events. `saved_plan.py`: the file of a plan. `plan_json.py`: a plan as changes.
"""
