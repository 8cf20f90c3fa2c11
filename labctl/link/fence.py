"""Epochs: a command that was decided before the circuit was opened must not leave after it."""

from labctl.errors import Superseded


class Fence:
    """A counter that only grows. What energises carries the epoch in which it was decided.

    ``advance`` may be called from any thread; ``check`` runs in the thread that owns the port, right before the
    bytes leave (a single attribute is read, so no lock is needed).
    """

    def __init__(self) -> None:
        self.epoch = 0

    def advance(self) -> int:
        """Begin a new epoch: whatever energises and was decided earlier will not be sent."""
        self.epoch += 1
        return self.epoch

    def check(self, epoch: int) -> None:
        """Refuse what belongs to an earlier epoch.

        Raises:
            Superseded: a newer epoch has begun.
        """
        if epoch != self.epoch:
            raise Superseded(f"decided in epoch {epoch}, it is epoch {self.epoch} by now")
