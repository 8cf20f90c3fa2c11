"""The step that a run is in: taken in one part, or in several with interruptions between them."""

from collections.abc import Iterable

from labctl.engine.gates import Gates
from labctl.engine.outcome import RunEnd
from labctl.engine.remaining import remaining
from labctl.instrument.step import Cutoff, Step
from labctl.instrument.temperature import Band
from labctl.protocol.plan import StepNode
from labctl.protocol.rule_spec import Action
from labctl.rules import Decision
from labctl.store.progress import Passed, StepProgress


class PresentStep:
    """One step and its parts.

    Args:
        node: the step in its plan.
        passed: in earlier parts.
        decisions: of rules in earlier parts, which have not been acted on.

    Attributes:
        part: what the instrument is asked for: the step, or what remains of it.
        cutoff: which of the step's ends has been reached; None: none.
        decisions: what rules have said during the step.
        skipped: a person ended it.
        end: a reason to end the run.
    """

    def __init__(self, node: StepNode, passed: Passed = Passed(), decisions: Iterable[Decision] = ()) -> None:
        self.node = node
        self.part: Step = node.step
        self.cutoff: Cutoff | Band | None = None
        self.decisions = list(decisions)
        self.skipped = False
        self.end: RunEnd | None = None
        self._before = passed
        self._gates: Gates | None = None
        self._first_id = self._step_id = 0
        self._began_s = 0.0

    @property
    def passed(self) -> Passed:
        """In all parts, up to the last sample."""
        return self._before if self._gates is None else self._before.plus(self._gates.passed)

    @property
    def is_over(self) -> bool:
        """Whether nothing of it remains to be done."""
        return self.cutoff is not None or self.skipped or self.end is not None or self.stops

    @property
    def stops(self) -> bool:
        """Whether a rule has said that the run is to stop at once."""
        return any(Action.STOP in said.actions for said in self.decisions)

    @property
    def end_reason(self) -> str:
        """Why the latest part ended, in words."""
        if self.cutoff is not None:
            return str(self.cutoff)
        if self.skipped:
            return "skipped by a person"
        if self.end is not None:
            return self.end.reason
        return self.decisions[-1].reason if self.stops else "interrupted"

    def begin_part(self, step_id: int, began_s: float, gates: Gates) -> None:
        """The instrument is asked for a part."""
        self._first_id = self._first_id or step_id
        self._step_id, self._began_s, self._gates = step_id, began_s, gates

    def look(self) -> None:
        """Take over what the gates have found out about the latest part."""
        gates = self._gates
        assert gates is not None
        if gates.cutoff is not None:
            self.cutoff = self._of_the_whole(gates.cutoff)
        self.skipped, self.end = gates.skipped, gates.end
        self.decisions += gates.decisions

    def interrupt(self, unseen: Passed, shortest_s: float) -> None:
        """The latest part is over; what remains is the next one, or one of the limits is reached.

        Args:
            unseen: what passed since its last sample.
            shortest_s: the shortest time worth a part of its own.
        """
        self._before, self._gates = self.passed.plus(unseen), None
        if self.cutoff is not None:
            return
        if self.node.step.scan is not None:  # a scan never goes on half-way
            self.restart()
            return
        left = remaining(self.node.step, self._before, shortest_s)
        if isinstance(left, Cutoff):
            self.cutoff = left
        else:
            self.part = left

    def restart(self) -> None:
        """Forget what has passed, and begin again."""
        self._before, self._gates = Passed(), None
        self.part, self.cutoff = self.node.step, None

    def progress(self) -> StepProgress | None:
        """How far it has come; None if the instrument has not been asked for it."""
        if not self._step_id:
            return None
        gates = self._gates
        reached = self.cutoff if gates is None or gates.cutoff is None else self._of_the_whole(gates.cutoff)
        return StepProgress(
            self._first_id,
            self._step_id,
            self._began_s if gates is None or gates.began_s is None else gates.began_s,
            self.passed,
            None if reached is None else self.node.ends.index(reached),
        )

    def restore(self, stored: StepProgress) -> None:
        """Be where an earlier process was."""
        self._first_id, self._step_id, self._began_s = stored.first_id, stored.step_id, stored.began_s
        if stored.cutoff is not None:
            self.cutoff = self.node.ends[stored.cutoff]

    def _of_the_whole(self, cutoff: Cutoff | Band) -> Cutoff | Band:
        """An end of the present part, as it stands in the plan."""
        if isinstance(cutoff, Band):
            return cutoff
        return self.node.step.cutoffs[self.part.cutoffs.index(cutoff)]
