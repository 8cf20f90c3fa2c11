"""Environments of their own for other people's clients, made once and kept: a client's pins never meet ours."""

import fcntl
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import platformdirs

CLIENTS = Path(__file__).with_name("clients")
_MAKING_S = 900.0
_READY = "ready"


def client_environment(*requirements: str) -> Path:
    """The interpreter of an environment in which ``requirements`` are installed.

    Kept in the user's cache directory under a hash of the requirements; two processes that want the same one wait for
    each other.

    Raises:
        subprocess.CalledProcessError: they could not be installed; what pip said is in its ``stderr``.
    """
    wanted = "\n".join((sys.version, *sorted(requirements)))
    key = hashlib.sha256(wanted.encode()).hexdigest()[:16]
    kept = Path(platformdirs.user_cache_dir("labctl")) / "clients"
    kept.mkdir(parents=True, exist_ok=True)
    home = kept / key
    python = home / "bin" / "python"
    with (kept / f"{key}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / _READY).exists():
            _run(sys.executable, "-m", "venv", "--clear", str(home))
            _run(str(python), "-m", "pip", "install", "--quiet", *requirements)
            (home / _READY).touch()
    return python


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True, timeout=_MAKING_S)


def run_client(python: Path, script: str, *arguments: str, timeout_s: float = 60.0) -> dict[str, Any]:
    """What a script of ``clients/`` prints as its last line, which is JSON; it drives the client as its user would.

    Raises:
        AssertionError: the script failed; with what it said.
    """
    command = [str(python), str(CLIENTS / script), *arguments]
    environment = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
    with tempfile.TemporaryDirectory() as folder:  # some write logs where they run
        done = subprocess.run(
            command,
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            env=environment,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
