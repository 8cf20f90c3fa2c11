"""Versions: of Python, of the libraries, of SQLite; and the ways to instruments that are installed."""

import importlib
import re
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from typing import Any

from labctl.doctor.line import Line, ok, wrong
from labctl.errors import StoreError
from labctl.store.sqlite import has_wal_reset_bug, load_dbapi

_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)\s*(?:\[[^]]*\])?\s*([^;]*)(?:;(.*))?")


def check_python(version: tuple[int, ...] = sys.version_info[:3]) -> Line:
    """The interpreter."""
    text = ".".join(map(str, version))
    if version < (3, 11):
        return wrong("Python", text, "install Python 3.11 or later")
    return ok("Python", text)


def check_dependencies(
    requirements: list[str] | None = None, version_of: Callable[[str], str] = metadata.version
) -> Line:
    """What labctl requires is there, in versions that it was tested with."""
    if requirements is None:
        requirements = metadata.requires("labctl-cycler") or []
    problems = []
    count = 0
    for requirement in requirements:
        match = _REQUIREMENT.fullmatch(requirement)
        if match is None or "extra ==" in (match[3] or ""):
            continue
        count += 1
        name, wanted = match[1], match[2].strip()
        try:
            found = version_of(name)
        except metadata.PackageNotFoundError:
            problems.append(f"{name} is missing")
            continue
        if not _fits(found, wanted):
            problems.append(f"{name} is {found}, wanted is {wanted}")
    if problems:
        return wrong("libraries", "; ".join(problems), "install labctl anew into an environment of its own")
    return ok("libraries", f"{count} as required")


def check_sqlite(load: Callable[[], Any] = load_dbapi) -> Line:
    """The SQLite that labctl would use, and the one of this Python."""
    import sqlite3

    own = sqlite3.sqlite_version
    try:
        used = load()
    except StoreError as error:
        return wrong("SQLite", str(error), "install pysqlite3 into labctl's environment")
    found = f"{used.sqlite_version} ({used.__name__})"
    if has_wal_reset_bug(sqlite3.sqlite_version_info):
        found += f"; this Python's own {own} can corrupt a database: labctl does not use it, other tools must only read"
    return ok("SQLite", found)


def check_visa(resources: list[str], load: Callable[[str], Any] = importlib.import_module) -> Iterator[Line]:
    """The way to instruments that are named by VISA resources."""
    kinds = {
        resource.split("::")[0].rstrip("0123456789").upper() for resource in resources if "::" in resource
    }
    try:
        backend = f"pyvisa {load('pyvisa').__version__}, pyvisa-py {load('pyvisa_py').__version__}"
    except ImportError as error:
        yield wrong("VISA", f"{error.name} cannot be imported", "install labctl anew")
        return
    yield ok("VISA", backend)
    for kind, module, package in (("USB", "usb.core", "pyusb"), ("GPIB", "gpib_ctypes", "gpib-ctypes")):
        if kind in kinds and not _loads(load, module):
            yield wrong("VISA", f"{kind} instruments need {package}", f"pip install {package}")


def _loads(load: Callable[[str], Any], module: str) -> bool:
    try:
        load(module)
    except (ImportError, OSError):  # the library that it binds may be missing
        return False
    return True


def _fits(found: str, wanted: str) -> bool:
    """Whether a version satisfies ``>=1.2,<2``; what is written in another way is not judged."""
    version = _numbers(found)
    for part in filter(None, (part.strip() for part in wanted.split(","))):
        if part.startswith(">=") and version < _numbers(part[2:]):
            return False
        if part.startswith("<") and not part.startswith("<=") and version >= _numbers(part[1:]):
            return False
        if part.startswith("==") and "*" not in part and version != _numbers(part[2:]):
            return False
    return True


def _numbers(text: str) -> tuple[int, ...]:
    found = re.match(r"\s*\d+(?:\.\d+)*", text)
    numbers = [int(part) for part in found[0].split(".")] if found else []
    while numbers and not numbers[-1]:
        numbers.pop()  # 2.0 is 2
    return tuple(numbers)
