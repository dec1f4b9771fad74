"""What is said of a sample that is proposed: why its place was suspected, what was measured, and what was not."""

from __future__ import annotations

from agents.agent import Task
from agents.repair.diagnosis import Diagnosis
from agents.sampling.finding import traced
from agents.sampling.pool import Pool
from agents.sampling.sample import Sample


def title(choice: Sample, diagnosis: Diagnosis) -> str:
    """Return one line; it claims no correction that no test shows."""
    name = choice.place.name or choice.place.path
    return f"Correct {name}" if diagnosis.failing else f"Change {name} (no test shows the bug)"


def explanation(choice: Sample, task: Task, diagnosis: Diagnosis, pool: Pool, model: str) -> str:
    """Return one paragraph, drawn from the evidence."""
    place = choice.place
    where = f"`{place.name}`" if place.name else f"line {place.first}"
    by = [f"{model} asked for it"] if choice.weight > choice.by_repair else []
    by += ["the repair agent found it"] if choice.by_repair else []
    who, edits = " and ".join(by), f"Of {len(pool.known)} different edits"
    rivals = len(pool.passing) - 1
    if not diagnosis.failing:
        told = f"No test shows what the ticket says; its words lead to {where} in {place.path}. {edits} {len(pool.passing)} keep"
        told += f" what passed passing, and this has the most votes; {who}. Whether it does what the ticket asks was not shown"
        return f"{told}{'.' if not rivals else ', nor that the others do not.'}"
    means = "coverage" if traced(task, diagnosis) else "what the tests print and the words of the ticket"
    told = f"{diagnosis.failing[0]} failed. {where} in {place.path} was suspected by {means}."
    told += f" {edits} this passes the failing tests and all others that passed before; {who}."
    if rivals and not traced(task, diagnosis):
        told += f" {rivals} more pass them, and what they do otherwise was not compared."
    return told
