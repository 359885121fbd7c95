"""The layers as Lambda gets them: the same bytes twice, small, with bytecode, and enough for every handler."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from functions.row import Function
from functions.table import TABLE
from infra import layers

pytestmark = [
    pytest.mark.infra,
    pytest.mark.skipif(sys.platform != "linux", reason="Lambda's wheels are Linux's"),
]

ALONE = Path(__file__).with_name("alone.py")
HASH_UNCHECKED = 0b01
DUMMIES = {
    "profile": "production",
    "audit_bucket": "an-audit-bucket",
    "audit_lock_mode": "COMPLIANCE",
    "audit_retention_days": "2192",
    "audit_deadline_seconds": "3",
    "export_retention_days": "365",
    "function_roles": "{}",
    "former_subject_key_arns": "[]",
    "subject_key_recovery_days": "35",
    "subject_key_cache_seconds": "300",
    "tenant_context_keys": '{"k1": "AAAA"}',
    "postgres_dsn": "host=database.invalid dbname=phivault user=app",
    "cors_origins": "[]",
}
"""Values for settings whose type isn't any text."""


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, layers.Layer]:
    """Both layers for this machine, built afresh."""
    build = tmp_path_factory.mktemp("layers")
    return {"dependencies": layers.dependencies(layers.here(), build), "core": layers.core(build)}


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> layers.Layer:
    """The dependencies for the architecture that the functions run on."""
    return layers.dependencies("arm64", tmp_path_factory.mktemp("arm64"))


@pytest.fixture
def own_core(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the library's sources, which nobody edits meanwhile; the layer is built from it."""
    copy = shutil.copytree(layers.CORE, tmp_path / "sources")
    monkeypatch.setattr(layers, "CORE", copy)
    return copy


def test_two_builds_are_the_same_bytes(cloud: layers.Layer, own_core: Path, tmp_path: Path) -> None:
    assert layers.dependencies("arm64", tmp_path).sha256 == cloud.sha256
    assert layers.core(tmp_path / "one").sha256 == layers.core(tmp_path / "two").sha256


def test_a_changed_source_changes_the_layer(own_core: Path, tmp_path: Path) -> None:
    before = layers.core(tmp_path).sha256
    (own_core / "phivault" / "ids.py").write_text((own_core / "phivault" / "ids.py").read_text() + "\nMORE = 1\n")
    assert layers.core(tmp_path).sha256 != before


def test_the_layers_fit(built: dict[str, layers.Layer], cloud: layers.Layer) -> None:
    for dependencies in (built["dependencies"], cloud):
        assert dependencies.bytes + built["core"].bytes < layers.MAX_BYTES
        assert dependencies.archive.stat().st_size < 50_000_000  # what Lambda takes without a detour through S3


def test_nothing_tells_of_the_machine_that_built_it(built: dict[str, layers.Layer], cloud: layers.Layer) -> None:
    for layer in (*built.values(), cloud):
        names = [path.name for path in layer.folder.rglob("*")]
        assert not {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "bin"} & set(names)
        for path in layer.folder.rglob("*.pyc"):
            content = path.read_bytes()
            assert str(layer.folder.parent).encode() not in content
            assert str(layers.ROOT).encode() not in content
        with zipfile.ZipFile(layer.archive) as zipped:
            entries = zipped.infolist()
        assert {(entry.date_time, entry.external_attr >> 16) for entry in entries} == {
            ((1980, 1, 1, 0, 0, 0), 0o100644)
        }
        assert [entry.filename for entry in entries] == sorted(
            path.relative_to(layer.folder).as_posix() for path in layer.folder.rglob("*") if path.is_file()
        )


def test_native_code_is_the_architectures(cloud: layers.Layer) -> None:
    aarch64 = 183  # e_machine of ELF
    native = [path for path in cloud.folder.rglob("*.so*") if path.is_file()]
    assert len(native) > 5
    assert {int.from_bytes(path.read_bytes()[18:20], "little") for path in native} == {aarch64}


def test_every_module_has_bytecode_of_the_functions_python(built: dict[str, layers.Layer], cloud: layers.Layer) -> None:
    for layer in (*built.values(), cloud):
        sources = list(layer.folder.rglob("*.py"))
        assert sources
        for source in sources:
            compiled = source.parent / "__pycache__" / f"{source.stem}.cpython-313.pyc"
            header = compiled.read_bytes()[:16]
            assert header[:4] == importlib.util.MAGIC_NUMBER
            assert int.from_bytes(header[4:8], "little") == HASH_UNCHECKED
            assert header[8:] == importlib.util.source_hash(source.read_bytes())


def test_botocore_keeps_what_functions_may_call_and_no_more(cloud: layers.Layer) -> None:
    described = {path.name for path in (cloud.folder / "python" / "botocore" / "data").iterdir() if path.is_dir()}
    assert described == layers.services()
    assert {"s3", "dynamodb", "kms", "cognito-idp", "sns", "sts"} <= described


def test_every_client_that_an_adapter_makes_is_described() -> None:
    """An IAM prefix may be another service's name to botocore: SES's second API isn't the service "ses"."""
    sources = (layers.CORE / "phivault").rglob("*.py")
    asked = {name for source in sources for name in re.findall(r'\bclient\("([a-z0-9-]+)"', source.read_text())}
    assert {"sesv2", "pinpoint-sms-voice-v2", "dynamodb"} <= asked
    assert asked <= layers.services()


@pytest.mark.parametrize("function", TABLE, ids=lambda function: function.name)
def test_a_handler_needs_the_layers_and_its_own_folder_alone(
    function: Function, built: dict[str, layers.Layer], tmp_path: Path
) -> None:
    found = _alone(function, built, tmp_path)
    assert found["handler"]
    assert found["elsewhere"] == []
    assert found["unresolved"] == []
    assert found["clients"] == sorted(layers.services())
    assert found["signed"]


def test_a_module_from_elsewhere_is_seen(built: dict[str, layers.Layer], tmp_path: Path) -> None:
    """What the test above would say of a layer that lacks something."""
    poor = dict(built)
    poor["dependencies"] = layers.Layer(tmp_path / "none", tmp_path / "none.zip", 0, "", 0)
    with pytest.raises(AssertionError, match="No module named"):
        _alone(TABLE[0], poor, tmp_path)


def _alone(function: Function, built: dict[str, layers.Layer], scratch: Path) -> dict[str, Any]:
    """What a new process in Lambda's place says of the handler: see ``alone.py``."""
    task, home = scratch / "task", scratch / "cwd"
    home.mkdir(exist_ok=True)
    layers.function_code(function.name, task)
    paths = [task, *(layer.folder / "python" for layer in built.values())]
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(ALONE), function.name, *sorted(layers.services()), "--", *map(str, paths)],
        cwd=home,
        env=_environment(function, task),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def _environment(function: Function, task: Path) -> dict[str, str]:
    """What Lambda's runtime sets, and the settings of the function's row."""
    runtime = {
        "AWS_REGION": "eu-central-1",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_SESSION_TOKEN": "x",
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
        "AWS_LAMBDA_FUNCTION_VERSION": "1",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "LAMBDA_TASK_ROOT": str(task),
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        "_HANDLER": f"functions.{function.name}.handler.handler",
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "PATH": os.defpath,
    }
    return runtime | {f"PHIVAULT_{name.upper()}": DUMMIES.get(name, "dummy") for name in function.settings}
