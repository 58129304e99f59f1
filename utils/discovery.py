"""Plug-ins: every file of a package is imported, so that what it registers is known."""

import importlib
import pkgutil
from collections.abc import Iterable


def import_all(package: str, folders: Iterable[str]) -> None:
    """Import all modules of a package, for its `__init__`: `import_all(__name__, __path__)`."""
    for module in pkgutil.iter_modules(folders):
        importlib.import_module(f"{package}.{module.name}")
