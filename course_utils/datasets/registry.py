"""One entry per data set. To add one, add a file to `entries/` that defines `ENTRY`."""

from __future__ import annotations

import difflib
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from course_utils.datasets.content import Arrays, ArraySpec
from course_utils.datasets.errors import BadOption, UnknownDataset
from course_utils.datasets.sources import Bundled, Source

import numpy as np


@dataclass(frozen=True)
class Split:
    """The arrays that a reader works with: inputs and targets, for training and for testing.

    `categories` maps a feature that is a category to its names: code 0 in X is the first name.
    Of a text, X holds the number of each character, y that of the next one, and `text_train` and
    `text_test` the characters themselves. Of a trained model, `file_bytes` are the bytes of its
    file.
    """

    X_train: np.ndarray
    y_train: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray
    feature_names: tuple[str, ...] = ()
    target_names: tuple[str, ...] = ()
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    text_train: str = ""
    text_test: str = ""
    file_bytes: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.uint8))


@dataclass(frozen=True)
class Entry:
    """Everything the course knows about one data set.

    `arrays` describes the content as it is hashed and cached (shapes and dtypes), `sha256` is
    its `content_hash`. `sources` are tried in order. `decode` turns the files of a source into
    the content; `split` turns the content, and the options of `load`, into what a reader sees.
    """

    name: str
    title: str
    description: str
    licence: str
    citation: str
    homepage: str
    arrays: Mapping[str, ArraySpec]
    sha256: str
    sources: tuple[Source, ...]
    split: Callable[..., Split]
    decode: Callable[[Mapping[str, Path]], Arrays] = field(default=lambda _: {})
    decimals: int | None = None

    @property
    def bundled(self) -> Bundled | None:
        """The source inside an installed package, if there is one: nothing is downloaded."""
        return next((s for s in self.sources if isinstance(s, Bundled)), None)

    @property
    def download_size(self) -> int:
        """Bytes that the first source transfers; 0 if the data come with a package."""
        return self.sources[0].size

    @property
    def stored_size(self) -> int:
        """Bytes that the content takes on disk."""
        return sum(
            int(np.prod(spec.shape)) * np.dtype(spec.dtype).itemsize
            for spec in self.arrays.values()
        )

    def split_with(self, arrays: Arrays, options: Mapping[str, object]) -> Split:
        """Apply `split`; raise BadOption for an option that this data set does not take."""
        known = list(inspect.signature(self.split).parameters)[1:]
        for option in options:
            if option not in known:
                takes = f"the options {', '.join(known)}" if known else "no options"
                raise BadOption(f"{self.name} does not take the option {option}; it takes {takes}.")
        return self.split(arrays, **options)


@cache
def entries() -> dict[str, Entry]:
    """Return all entries by name, in alphabetical order."""
    from course_utils.datasets import entries as package

    modules = [
        importlib.import_module(f"{package.__name__}.{module.name}")
        for module in pkgutil.iter_modules(package.__path__)
    ]
    found = [module.ENTRY for module in modules if hasattr(module, "ENTRY")]
    return {entry.name: entry for entry in sorted(found, key=lambda entry: entry.name)}


def find(name: str) -> Entry:
    """Return the entry called `name`; raise UnknownDataset naming the nearest ones."""
    known = entries()
    if name in known:
        return known[name]
    near = difflib.get_close_matches(str(name).lower().replace("_", "-"), known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise UnknownDataset(
        f"There is no data set called {name!r}: {hint}The course has {', '.join(known)}."
    )
