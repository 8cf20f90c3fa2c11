"""The doctor and a write-ahead log that grows without end."""

import subprocess
import sys
from pathlib import Path

import pytest

from labctl.doctor.line import Verdict
from labctl.doctor.storage import check_log
from labctl.store import long_log

HOLD = "f = open({!r}); print(flush=True); input()"


def test_a_log_that_grows_is_told_with_who_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "runs.db"
    assert check_log(path).verdict is Verdict.OK
    path.touch()
    path.with_name("runs.db-wal").write_bytes(bytes(2_000_000))
    assert check_log(path).verdict is Verdict.OK
    monkeypatch.setattr(long_log, "WARN_BYTES", 1_000_000)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", HOLD.format(str(path))], **pipes) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        line = check_log(path)
        holder.communicate(b"\n")
    assert line.verdict is Verdict.WRONG
    assert "runs.db-wal has grown to 2 MB" in line.found
    assert f"(process {holder.pid})" in line.found
