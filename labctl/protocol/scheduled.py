"""What steps have in common: in which passes they are taken, when they are sampled, what an interruption does."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from labctl.protocol import fields
from labctl.protocol.strict import Strict, problem

MOST_PASSES = 1_000_000
Pass = Annotated[int, fields.CountText(1, MOST_PASSES)]


class Record(Strict):
    """When to keep a sample."""

    every: fields.Time = Field(description="longest time between two samples")
    voltage_change: fields.VoltageChange | None = Field(
        None, description="keep one earlier after this change"
    )
    current_change: fields.CurrentMagnitude | None = Field(
        None, description="keep one earlier after this change"
    )


class Scheduled(Strict):
    """In which passes of the enclosing loop a step is taken; all, if nothing is said."""

    on_cycles: list[Pass] | None = Field(None, min_length=1, description="in these passes, counted from 1")
    every: Pass | None = Field(None, description="in every n-th pass")

    @model_validator(mode="after")
    def _one_schedule(self) -> Self:
        if self.on_cycles is not None and self.every is not None:
            raise problem("on_cycles and every are given", "keep one of them", key="every")
        return self


class Controlled(Scheduled):
    """What the steps have in common that take time under control of the instrument."""

    record: Record | None = None
    if_interrupted: Literal["continue", "restart", "ask", "abort"] = Field(
        "ask", description="when the run is taken up again; after restart or abort it never goes on half-way"
    )
