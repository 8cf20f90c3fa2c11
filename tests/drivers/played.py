"""An instrument that plays a transcript."""

from collections.abc import Iterable


class Played:
    """Answers each question as the transcript does, and takes no other.

    Attributes:
        left: questions with their answers, in order; what has been asked is gone.
    """

    def __init__(self, exchanges: Iterable[tuple[bytes, bytes]]) -> None:
        self.left = list(exchanges)

    def expects(self, question: bytes, data: bytes) -> bool:
        """Whether what came is the question."""
        return data == question

    def receive(self, data: bytes, now_s: float) -> bytes:
        """The next answer."""
        question, answer = self.left.pop(0)
        assert self.expects(question, data), (data, question)
        return answer

    def next_wake(self) -> float | None:
        """It says nothing by itself."""
        return None

    def wake(self, now_s: float) -> bytes:
        """Nothing is due."""
        return b""

    def close(self, now_s: float) -> None:
        """It goes on where it was."""
