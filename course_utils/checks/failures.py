"""What a failed check raises, and how it reads."""

from __future__ import annotations

from typing import Any, NoReturn

from . import seeds


class CheckFailed(AssertionError):
    """A check found a difference; the message is a sentence with its cause.

    Jupyter shows the sentence alone, without a traceback.

    >>> raise CheckFailed("`f(2)` is 5, expected 4.")
    Traceback (most recent call last):
    ...
    course_utils.checks.CheckFailed: `f(2)` is 5, expected 4.
    """

    __module__ = "course_utils.checks"
    title: str = ""

    def _render_traceback_(self) -> list[str]:
        return [rendered(self.title, str(self))]


def rendered(title: str, message: str) -> str:
    """Return the text that Jupyter shows in place of a traceback."""
    return f"✗ {title}: {message}" if title else f"✗ {message}"


def quoted(name: str) -> str:
    """Return a piece of code in backticks and a phrase as it is.

    >>> quoted("sigmoid(z)"), quoted("the loss after one step")
    ('`sigmoid(z)`', 'the loss after one step')
    """
    name = name.strip()
    looks_like_code = " " not in name or "(" in name or "[" in name
    return f"`{name}`" if looks_like_code and "`" not in name else name


def sentence(text: str, why: str = "") -> str:
    """Join what was found and why it should be otherwise into one sentence.

    >>> sentence("`f` has shape (2,), expected (3,)", "one entry per row. See Shapes")
    '`f` has shape (2,), expected (3,): one entry per row. See Shapes.'
    """
    text = text.strip().rstrip(".")
    why = why.strip()
    whole = f"{text}: {why}" if why else text
    return whole if whole.endswith((".", "?", "!", "…")) else whole + "."


def fail(*sentences: str) -> NoReturn:
    """Raise CheckFailed with the sentences in a row and the seed of this run's inputs."""
    message = " ".join(part.strip() for part in sentences if part and part.strip())
    note = seeds.note()
    raise CheckFailed(f"{message}\n{note}" if note else message) from None


def not_written(message: str, title: str = "") -> NotImplementedError:
    """Return a NotImplementedError that Jupyter shows as its sentence alone."""
    error: Any = NotImplementedError(message)
    error._render_traceback_ = lambda: [rendered(title, message)]
    return error
