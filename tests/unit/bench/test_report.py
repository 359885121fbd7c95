from __future__ import annotations

import json
import re

import pytest

from tests.bench import __main__ as bench
from tests.bench._measure import Figure, ratio


@pytest.fixture(autouse=True)
def _figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every bench measures the same three things."""

    class Bench:
        @staticmethod
        def figures() -> list[Figure]:
            return [Figure("one / other", 1.2991, 1.3), Figure("calls", 2, 1), Figure("told only", 0.5)]

    monkeypatch.setattr(bench, "import_module", lambda name: Bench)


def test_the_table_says_which_aims_were_met_and_on_what_machine(capsys: pytest.CaptureFixture[str]) -> None:
    bench.main(["envelope"])
    lines = capsys.readouterr().out.splitlines()
    assert [re.split(r"\s{2,}", line) for line in lines[1:4]] == [
        ["one / other", "1.299", "<= 1.3", "met"],
        ["calls", "2", "<= 1", "not met"],
        ["told only", "0.5"],
    ]
    assert lines[-3:] == list(bench.machine().values())[1:]


def test_json_carries_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    bench.main(["--json", "envelope"])
    report = json.loads(capsys.readouterr().out)
    aims = {"at_most": 1.3, "at_least": None}
    assert report["figures"][0] == {"name": "one / other", "value": 1.2991, "met": True, **aims}
    assert [figure["met"] for figure in report["figures"]] == [True, False, None]
    assert set(report["machine"]) == {"date", "platform", "cpu", "python"}
    assert all(report["machine"].values())


def test_without_names_every_bench_runs(capsys: pytest.CaptureFixture[str]) -> None:
    bench.main(["--json"])
    assert len(json.loads(capsys.readouterr().out)["figures"]) == 3 * len(bench.BENCHES)
    assert {"envelope", "handler_import", "read_path"} <= set(bench.BENCHES)


def test_a_ratio_tells_more_work_from_less() -> None:
    assert ratio(lambda: sum(range(20_000)), lambda: sum(range(2_000)), count=5, repeats=3) > 2
