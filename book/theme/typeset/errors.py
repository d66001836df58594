"""The one error of this package: a sentence with the way out."""

from __future__ import annotations


class ThemeError(Exception):
    """The book cannot be typeset; the message is a sentence that says what to change."""


class UnknownNode(ThemeError):
    """A page holds a MyST node for which the theme has no template."""

    def __init__(self, kind: str, page: str, template: str) -> None:
        super().__init__(
            f"{page}: the theme cannot show a MyST node of type {kind!r}. Write the template "
            f"book/theme/templates/{template}, with a sample in tests/data/theme, or write the "
            "passage in another way."
        )
