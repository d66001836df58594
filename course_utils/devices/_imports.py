"""Do something when a module is imported, whenever that will be.

The course must seed a framework and stop TensorFlow from taking a whole GPU without importing
either, because a NumPy chapter should not wait five seconds for them. A finder at the front of
`sys.meta_path` waits for the names it was told; every other import passes it by.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

Around = Callable[[], AbstractContextManager[None]]
After = Callable[[ModuleType], None]


class WatchedLoader(Loader):
    """Run `around` while the real loader executes the module, and `after` when it is there."""

    def __init__(self, real: Any, around: Around, after: After) -> None:
        self.real = real
        self._around = around
        self._after = after

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Leave the making of the module to the real loader."""
        return self.real.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Execute the module as if this loader had never been there."""
        module.__loader__ = self.real
        if module.__spec__ is not None:
            module.__spec__.loader = self.real
        with self._around():
            self.real.exec_module(module)
        self._after(module)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


class ImportWatcher(MetaPathFinder):
    """A finder that finds nothing itself and wraps what the others find for the watched names."""

    def __init__(self, watched: dict[str, tuple[Around, After]]) -> None:
        self.watched = watched
        self._searching: set[str] = set()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the other finders' spec with its loader wrapped, or None for other names."""
        watched = self.watched.get(fullname)
        if watched is None or fullname in self._searching or fullname in sys.modules:
            return None
        self._searching.add(fullname)
        try:
            spec = importlib.util.find_spec(fullname)
        finally:
            self._searching.discard(fullname)
        if spec is None or not hasattr(spec.loader, "exec_module"):
            return spec
        spec.loader = WatchedLoader(spec.loader, *watched)
        return spec

    def install(self) -> None:
        """Stand in front of the other finders, once, in the place of an older copy of itself."""
        kept = [f for f in sys.meta_path if type(f).__qualname__ != type(self).__qualname__]
        sys.meta_path[:] = [self, *kept]


def imported(name: str) -> Any:
    """Return a module that is imported completely, or None; never import it."""
    module = sys.modules.get(name)
    if module is None or getattr(getattr(module, "__spec__", None), "_initializing", False):
        return None
    return module
