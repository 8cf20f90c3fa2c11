"""An unexpected error is one line for the person, and a file with everything for the developer."""

import sys
from pathlib import Path

import pytest

from labctl.cli import main


def test_a_bug_is_one_line_and_a_report(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def planted() -> None:
        raise ZeroDivisionError("planted")

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(main, "app", planted)
    monkeypatch.setattr(sys, "argv", ["labctl", "runs"])
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == 1
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    (report,) = (tmp_path / "labctl").iterdir()
    assert str(report) in err
    assert "ZeroDivisionError: planted" in report.read_text()
