"""How a patch is applied to moto, and the ranges of public addresses."""

from __future__ import annotations

import pytest

from edgewrap.lab.aws.patches.errors import OutOfCapacityError
from edgewrap.lab.aws.patches.patching import apply_patch
from edgewrap.lab.aws.patches.public_addresses import AddressRange


class Animal:
    def __init__(self, name: str) -> None:
        self.name = name

    def sound(self) -> str:
        return f"{self.name} is silent"

    @property
    def legs(self) -> int:
        return 0


_sound = Animal.sound


class LoudAnimal(Animal):
    """Not patched: its docstring."""

    def sound(self) -> str:
        return _sound(self).upper()

    @property
    def legs(self) -> int:
        return 4


class QuietAnimal(Animal):
    def sound(self) -> str:
        return ""


def test_objects_of_the_base_class_are_patched(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("sound", "legs"):
        monkeypatch.setattr(Animal, name, vars(Animal)[name])  # put back afterwards
    earlier = Animal("Rex")
    apply_patch([LoudAnimal])
    assert (earlier.sound(), earlier.legs) == ("REX IS SILENT", 4)
    assert (Animal.__doc__, Animal.__name__) == (None, "Animal")


def test_two_patches_of_one_attribute_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("sound", "legs"):
        monkeypatch.setattr(Animal, name, vars(Animal)[name])
    with pytest.raises(TypeError, match=r"QuietAnimal and LoudAnimal both patch Animal\.sound"):
        apply_patch([LoudAnimal, QuietAnimal])


def test_a_pool_gives_each_address_once_and_reuses_released_ones_last() -> None:
    addresses = AddressRange("192.0.2.0/29")
    used = {addresses.take(set()) for _ in range(2)}
    assert used == {"192.0.2.1", "192.0.2.2"}
    used.remove("192.0.2.1")
    taken = []
    for _ in range(5):
        taken.append(addresses.take(used))
        used.add(taken[-1])
    assert taken == ["192.0.2.3", "192.0.2.4", "192.0.2.5", "192.0.2.6", "192.0.2.1"]
    with pytest.raises(OutOfCapacityError, match="InsufficientAddressCapacity"):
        addresses.take(used)


def test_a_pool_knows_its_addresses() -> None:
    addresses = AddressRange("192.0.2.0/29")
    assert "192.0.2.6" in addresses
    assert "192.0.2.7" not in addresses  # the broadcast address
