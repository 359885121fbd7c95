from __future__ import annotations

import pytest

from phivault.errors import NotFound
from phivault.records.shapes import shape
from phivault.records.types import CONTAINED_ONLY, TYPES, known, model


@pytest.mark.parametrize("name", sorted({*TYPES, *CONTAINED_ONLY}))
def test_every_type_has_its_model(name: str) -> None:
    assert model(name).get_resource_type() == name


@pytest.mark.parametrize("row", [row for row in TYPES.values() if row.patient_element], ids=lambda row: row.name)
def test_every_patient_element_can_refer_to_a_patient(row) -> None:
    slot = shape(model(row.name))[row.patient_element]
    assert not slot.repeats
    assert slot.targets is None or "Patient" in slot.targets


@pytest.mark.parametrize("name", ["Bundle", "patient", "", "os", "Medication", "../Patient"])
def test_other_types_are_not_found_and_not_repeated(name: str) -> None:
    with pytest.raises(NotFound) as caught:
        known(name)
    assert not name or name not in caught.value.detail
    assert known("Patient") == "Patient"


def test_no_module_is_imported_for_an_unknown_name() -> None:
    with pytest.raises(NotFound):
        model("Bundle")
