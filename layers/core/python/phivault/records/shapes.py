"""What FHIR says about the elements of a type, read from the R4B models' own metadata.

The models themselves are lenient (a string stands for a number, JSON text for an object, ``gender__ext`` for
``_gender``), so what they know is read once per type and applied by ``structure``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, get_args

from fhir_core.fhirabstractmodel import FHIRAbstractModel
from fhir_core.types import FhirBase
from fhir_core.utils import get_fhir_type_name, is_list_type
from pydantic.fields import FieldInfo

from phivault.records.bindings import required_codes, required_form


@dataclass(frozen=True, slots=True)
class Slot:
    """One element. ``primitive`` is its FHIR primitive type, "" for an object; ``codes`` its required value set, or
    ``form`` what its codes look like;
    ``targets`` the types that a reference may name; ``any_resource`` marks a place for whole resources."""

    primitive: str
    repeats: bool
    codes: frozenset[str] | None
    form: re.Pattern[str] | None
    targets: frozenset[str] | None
    base: type[FhirBase] | None
    any_resource: bool

    def shape(self) -> Mapping[str, Slot]:
        """The elements of this element; of none where it is a primitive."""
        return shape(self.base.get_model_klass()) if self.base else {}


@cache
def shape(model: type[FHIRAbstractModel]) -> Mapping[str, Slot]:
    """The elements of a model by their names in JSON."""
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    return {name: _slot(model, name, field) for name, field in fields.items() if name != "fhir_comments"}


def _slot(model: type[FHIRAbstractModel], name: str, field: FieldInfo) -> Slot:
    base = _base(field.annotation)
    extra: dict[str, Any] = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    targets = frozenset(extra.get("enum_reference_types", ())) - {"Resource"}
    return Slot(
        primitive="" if base else get_fhir_type_name(field, "R4B."),
        repeats=is_list_type(field),
        codes=None if base else required_codes(model.__name__, name, extra.get("enum_values", ())),
        form=None if base else required_form(model.__name__, name),
        targets=targets or None,
        base=base,
        any_resource=base is not None and base.get_model_klass().__name__ == "Resource",
    )


def _base(annotation: object) -> type[FhirBase] | None:
    if isinstance(annotation, type) and issubclass(annotation, FhirBase):
        return annotation
    for argument in get_args(annotation):
        found = _base(argument)
        if found is not None:
            return found
    return None
