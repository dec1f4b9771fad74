"""What a conversation asks a person: the answers that are there already, in order, and the question that ends a life where one is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agents.agent import Query
from agents.wording import plain

MOST_QUESTIONS = 3
_LEAST_CHOICES, _MOST_CHOICES = 2, 5
_QUESTION_CHARACTERS, _CHOICE_CHARACTERS = 2_000, 300


@dataclass(slots=True)
class Interview:
    """Hands out a task's answers in the order in which they were given, which replies that are given back make the same again."""

    answers: Sequence[str]
    _taken: int = 0
    _asked: int = 0

    def put(self, text: str, choices: Sequence[str]) -> str | Query:
        """Return the answer to a question; the question, where nobody has answered it yet."""
        if self._taken == len(self.answers):
            return Query(text, tuple(choices))
        self._taken += 1
        return self.answers[self._taken - 1]

    def ask(self, given: Mapping[str, object]) -> tuple[str, Query | None]:
        """Put a model's question; return what to tell it, and the question where it waits for an answer."""
        if self._asked == MOST_QUESTIONS:
            told = f"You have asked {MOST_QUESTIONS} questions, as many as there may be."
            return f"{told} Decide yourself, and say in the explanation what you assumed.", None
        text, answers = plain(str(given["question"])).strip(), given["answers"]
        choices = [plain(str(each)).strip() for each in answers] if isinstance(answers, list) else []
        if wrong := _wrong(text, choices):
            return wrong, None
        self._asked += 1
        said = self.put(text, choices)
        return ("", said) if isinstance(said, Query) else (f"The answer is: {said}", None)


def _wrong(text: str, choices: Sequence[str]) -> str:
    """Return why a question cannot be put to a person, "" where it can."""
    if not _LEAST_CHOICES <= len(set(choices)) == len(choices) <= _MOST_CHOICES or not all(choices):
        return f"Give {_LEAST_CHOICES} to {_MOST_CHOICES} different answers that are likely, in words; any other may be given too."
    if not text or len(text) > _QUESTION_CHARACTERS or max(map(len, choices)) > _CHOICE_CHARACTERS:
        return f"Ask in 1 to {_QUESTION_CHARACTERS:,} characters, with answers of at most {_CHOICE_CHARACTERS}."
    return ""
