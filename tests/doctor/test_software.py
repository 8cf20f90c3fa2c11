"""Versions that do not fit, a SQLite that corrupts, ways to instruments that are not installed."""

from importlib.metadata import PackageNotFoundError
from types import SimpleNamespace
from typing import Any

import pytest

from labctl.doctor import software
from labctl.doctor.line import Verdict
from labctl.errors import StoreError


def versions(**known: str) -> Any:
    def version_of(name: str) -> str:
        if name not in known:
            raise PackageNotFoundError(name)
        return known[name]

    return version_of


@pytest.mark.parametrize(
    ("requirement", "version", "word"),
    [
        ("numpy>=2.0,<3", "2.3.1", ""),
        ("numpy>=2.0,<3", "1.26.4", "numpy is 1.26.4, wanted is >=2.0,<3"),
        ("numpy>=2.0,<3", "3.0.0", "numpy is 3.0.0"),
        ("numpy>=2.0,<3", "10.0", "numpy is 10.0"),
        ("numpy==2.0", "2.0.0", ""),
        ('numpy[x]>=2; sys_platform == "linux"', "1.0", "numpy is 1.0"),
        ('numpy>=9; extra == "dev"', "1.0", ""),
        ("scipy", "1.0", "scipy is missing"),
    ],
)
def test_libraries(requirement: str, version: str, word: str) -> None:
    line = software.check_dependencies([requirement], versions(numpy=version))
    assert line.verdict is (Verdict.WRONG if word else Verdict.OK)
    assert word in line.found


def test_the_libraries_of_this_environment() -> None:
    assert software.check_dependencies().verdict is Verdict.OK
    assert software.check_python().verdict is Verdict.OK
    assert software.check_sqlite().verdict is Verdict.OK
    assert software.check_python((3, 10, 4)).verdict is Verdict.WRONG


def test_a_sqlite_that_corrupts() -> None:
    def none_is_sound() -> Any:
        raise StoreError("sqlite3 has 3.40.1")

    line = software.check_sqlite(none_is_sound)
    assert line.verdict is Verdict.WRONG
    assert "pysqlite3" in line.remedy


@pytest.mark.parametrize(
    ("resource", "missing", "word"),
    [
        ("TCPIP::192.0.2.7::5025::SOCKET", "usb.core", ""),
        ("USB0::0x05E6::0x2450::04412345::INSTR", "usb.core", "pyusb"),
        ("GPIB0::18::INSTR", "gpib_ctypes", "gpib-ctypes"),
        ("/dev/ttyACM0", "usb.core", ""),
    ],
)
def test_ways_to_instruments(resource: str, missing: str, word: str) -> None:
    def load(module: str) -> Any:
        if module == missing:
            raise ImportError(name=module)
        return SimpleNamespace(__version__="1")

    lines = list(software.check_visa([resource], load))
    assert [line.verdict for line in lines] == [Verdict.OK, *([Verdict.WRONG] if word else [])]
    assert word in lines[-1].remedy


def test_no_visa_at_all() -> None:
    def load(module: str) -> Any:
        raise ImportError(name=module)

    (line,) = software.check_visa([], load)
    assert line.verdict is Verdict.WRONG
