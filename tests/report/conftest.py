"""Runs to be drawn and told of: the first cycles of two bundled protocols, through the whole stack."""

import asyncio
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from labctl.engine.control import RunControl
from labctl.protocol import load
from labctl.protocol.finder import bundled_paths
from labctl.report.figures.subject import Subject
from labctl.station.connect import ChannelSpec
from labctl.station.launch import Launch, launch
from labctl.station.thermometers import AuxiliarySpec, ThermometerSpec
from labctl.store.reader import Reader

STARTED_UNIX_S = 1.75e9


@dataclass(frozen=True)
class Stored:
    """A database with runs: 1 is sodium, 2 is Na50K50, both of three cycles."""

    path: Path

    @property
    def reader(self) -> Reader:
        return Reader(self.path)

    def subject(self, run: int, label: str = "") -> Subject:
        return Subject(self.reader, self.reader.run(run), label)


def lived(path: Path, protocol: Path, cell: str, name: str) -> None:
    plan = load(str(protocol), cell={"name": name})
    oven = ThermometerSpec(AuxiliarySpec("oven", "espec-pr3j"), "temperature")
    spec = ChannelSpec("bench", "palmsens-emstat4", cell=cell, thermometer=oven)
    asyncio.run(launch(Launch(plan, spec, str(path), None, 1, STARTED_UNIX_S), RunControl()))


def shortened(protocol: str, cycles: int) -> str:
    text = bundled_paths()[protocol].read_text(encoding="utf-8")
    text = re.sub(r"loop: \d+", f"loop: {cycles}", text)
    return re.sub(r"on_cycles: \[.*\]", f"on_cycles: [1, {cycles}]", text)


@pytest.fixture(scope="session")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Stored:
    directory = tmp_path_factory.mktemp("stored")
    path = directory / "labctl.sqlite"
    for protocol, cell, name in (("na-symmetric", "na", "Na"), ("na50k50-symmetric", "na50k50", "Na50K50")):
        file = directory / f"{protocol}.yaml"
        file.write_text(shortened(protocol, 3), encoding="utf-8")
        lived(path, file, cell, name)
    return Stored(path)
