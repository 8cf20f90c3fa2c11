"""A computer made of files, in which everything is as it should be until a test plants something else."""

from pathlib import Path

import pytest

from labctl.doctor.computer import Computer, Disk, KernelClock


class Planted:
    """A root directory to plant conditions in, and the computer that has it.

    Attributes:
        disk, clock: what its file systems and its kernel answer.
        forbidden: files that this user may not use.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.disk = Disk(200_000_000_000, 500_000_000_000)
        self.clock: KernelClock | None = KernelClock(True, 0.02)
        self.forbidden: set[str] = set()
        self.computer = Computer(
            root,
            disk_at=lambda path: self.disk,
            kernel_clock=lambda: self.clock,
            may_use=lambda path: path.name not in self.forbidden,
        )

    def file(self, path: str, text: str = "") -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n")
        return file

    def link(self, path: str, target: str | Path) -> None:
        link = self.root / path
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(target)


@pytest.fixture
def planted(tmp_path: Path) -> Planted:
    return Planted(tmp_path / "root")
