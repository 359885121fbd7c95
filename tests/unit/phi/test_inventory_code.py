"""The code that touches a place is read from the source, so it is found where it is and named by nobody."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path

import pytest
from typer.testing import CliRunner

import phivault
from phivault.cli.main import app
from phivault.phi import inventory
from phivault.phi.inventory import PHI, Kind
from phivault.phi.inventory_code import Code
from phivault.phi.inventory_touch import SEALING, Touches

ROOT = Path(__file__).parents[3]
PACKAGE = Path(phivault.__file__).parent
SEALS = "phivault.crypto.envelope.seal"


@pytest.fixture(scope="module")
def code() -> Code:
    return Code(PACKAGE, ROOT / "functions")


@pytest.fixture(scope="module")
def touches(code: Code) -> Touches:
    return Touches(code)


@pytest.fixture
def written(tmp_path: Path) -> Code:
    """A package of three modules that name the same function in three ways, and of one that only speaks of it."""
    modules = {
        "plain": "from phivault.crypto.envelope import seal\n\ndef hide(x):\n    return seal(x)\n",
        "renamed": "from phivault.crypto.envelope import seal as shut\n\n"
        "class Box:\n    def hide(me):\n        shut(1)\n",
        "dotted": "from phivault.crypto import envelope\n\ndef hide():\n    return envelope.seal()\n",
        "spoken": '"""phivault.crypto.envelope.seal"""\n\n# seal\ndef seal():\n    return seal\n',
        "using": "from small.plain import hide as h\n\ndef go():\n    h(2)\n",
    }
    folder = tmp_path / "small"
    folder.mkdir()
    for name, text in modules.items():
        (folder / f"{name}.py").write_text(text)
    return Code(folder)


def test_a_name_is_found_however_it_was_imported(written: Code) -> None:
    assert written.naming(SEALS) == {"small.plain", "small.renamed", "small.dotted"}


def test_who_calls_what_seals_is_found(written: Code) -> None:
    assert written.by_name["small.plain"].calling([SEALS]) == {"small.plain.hide"}
    assert written.by_name["small.renamed"].calling([SEALS]) == {"small.renamed.Box"}
    assert written.naming("small.plain.hide") == {"small.using"}


def test_texts_are_constants_and_pieces_of_keys_and_no_docstrings(tmp_path: Path) -> None:
    text = '''
    """Not this."""
    PREFIX, OTHER = "SESSION#", "X"

    def key(user, id):
        """Nor this."""
        return {"pk": f"USER#{user}", "sk": PREFIX + id}
    '''
    folder = tmp_path / "small"
    folder.mkdir()
    (folder / "rows.py").write_text(textwrap.dedent(text))
    module = Code(folder).by_name["small.rows"]
    assert {"USER#*", "SESSION#", "pk", "sk"} <= module.reached["key"]
    assert not {"Not this.", "Nor this."} & module.texts


def test_every_module_that_seals_or_opens_is_in_the_inventory_and_no_other(code: Code) -> None:
    named = {module for name, one in inventory.sealers().items() if name != "kms" for module in one.modules}
    assert code.naming(*SEALING) == named


def test_every_sealed_place_is_touched_by_who_seals_it(touches: Touches) -> None:
    for place in inventory.places():
        if place.sealer:
            assert set(inventory.sealers()[place.sealer].modules) <= set(touches.modules(place)), place.id


def test_of_every_place_that_holds_phi_some_code_is_found(touches: Touches) -> None:
    assert [place.id for place in inventory.places() if place.data_class in PHI and not touches.modules(place)] == []


def test_of_every_row_and_object_some_code_is_found(touches: Touches) -> None:
    """Whoever lists a place that nothing builds hears of it."""
    kinds = (Kind.POSTGRES, Kind.DYNAMODB, Kind.S3, Kind.BODY)
    assert [place.id for kind in kinds for place in inventory.of_kind(kind) if not touches.modules(place)] == []


@pytest.mark.parametrize(
    ("id", "module"),
    [
        ("fhir Patient birthDate", "phivault.phi.generalise"),
        ("fhir Observation note", "phivault.records.seal"),
        ("body SignUp phone_number", "phivault.identity.sign_up"),
        ("query GET /v1/fhir/{type} patient", "phivault.records.search_query"),
        ("header request User-Agent", "phivault.web"),
        ("header request Idempotency-Key", "functions.records.asked"),
        ("connection request address", "phivault.identity.lockout"),
        ("postgres phi.history envelope", "phivault.adapters.postgres.store"),
        ("postgres app.context_keys key", "phivault.adapters.postgres.keys"),
        ("dynamodb AccessState SIGN-UP#*/SIGN-UP personal", "phivault.adapters.dynamodb_sign_ups"),
        ("dynamodb AccessState SIGN-UP#*/SIGN-UP personal", "phivault.identity.contact"),
        ("dynamodb AccessState T#*#P#*/USER#* care.by", "phivault.adapters.dynamodb_facts"),
        ("dynamodb AccessState RETENTION/T#*#HOLD#*#* sk", "phivault.adapters.dynamodb_retention"),
        ("s3 audit_bucket ev/**", "phivault.audit.recorder"),
        ("s3 audit_exports_bucket personal/*.ndjson.zst", "phivault.adapters.s3_exports"),
        ("audit event personal", "phivault.attributed"),
        ("cognito user phone_number", "phivault.adapters.cognito_sign_ups"),
        ("message sms to", "phivault.adapters.messenger"),
        ("alert sns id", "phivault.adapters.sns_alerts"),
        ("log function exception", "phivault.logs"),
        ("setting function tenant_context_keys", "phivault.bootstrap.records"),
    ],
)
def test_the_code_that_is_known_to_touch_it_is_found(touches: Touches, id: str, module: str) -> None:
    place = inventory.find(id)
    assert place is not None
    assert module in touches.modules(place)


def test_what_doesnt_touch_it_is_left_out(touches: Touches) -> None:
    place = inventory.find("dynamodb AccessState SIGN-UP#*/SIGN-UP personal")
    assert place is not None
    found = touches.modules(place)
    assert "phivault.adapters.dynamodb_directory" not in found
    assert not [name for name in found if name.startswith("phivault.records.")]


def shown(*arguments: str) -> str:
    result = CliRunner(env={"COLUMNS": "300"}).invoke(app, ["phi", "inventory", *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_command_tells_the_same_each_time_as_json() -> None:
    told = shown("--json", "--place", "postgres", "--class", "sensitive")
    assert told == shown("--json", "--place", "postgres", "--class", "sensitive")
    history = {"place": "postgres phi.history envelope", "class": "sensitive", "form": "sealed", "to": [], "why": ""}
    assert any(history.items() <= row.items() for row in json.loads(told))
    assert {row["place"] for row in json.loads(told)} == {
        "postgres phi.history envelope",
        "postgres phi.resources envelope",
        "postgres phi.search_tokens token",
    }


def test_the_command_tells_people_how_where_until_when_and_by_whose_hands() -> None:
    told = shown("--place", "dynamodb AccessState SIGN-UP", "--class", "contact")
    for said in ("SIGN-UP#*/SIGN-UP personal", "sealed: Unattributed/<day>", "10 minutes", "identity.contact", "DF"):
        assert said in told


def test_without_a_class_everything_that_has_one_and_nothing_else() -> None:
    rows = json.loads(shown("--json"))
    assert [row["place"] for row in rows] == [place.id for place in inventory.places() if place.data_class]
    rest = json.loads(shown("--json", "--class", "none"))
    assert [row["place"] for row in rest] == [place.id for place in inventory.places() if not place.data_class]
    assert all(row["why"] for row in rest)


@pytest.mark.parametrize("arguments", [("--class", "secret"), ("--place", "oracle")])
def test_what_there_isnt_is_refused(arguments: tuple[str, str]) -> None:
    result = CliRunner().invoke(app, ["phi", "inventory", *arguments])
    assert (result.exit_code, result.stdout) == (2, "")
