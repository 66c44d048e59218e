"""The lab's stand-in for OpenNebula's package repository."""
