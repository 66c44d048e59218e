"""Where moto differs from AWS: one file an idea, each mend with a test that fails on stock moto."""

from __future__ import annotations


def apply() -> None:
    """Mends moto, in this process."""
