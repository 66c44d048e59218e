"""The lab's AWS: moto's server in a process of ours, mended where it differs from AWS (docs/lab-aws.md)."""
