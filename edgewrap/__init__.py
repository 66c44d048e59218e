"""edgewrap: one YAML spec to a running AWS metal edge cluster for OpenNebula."""

__version__ = "0.1.0"
