"""Variables of .mat files as plain arrays and lists of strings."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from utils.errors import DataError


def read_matlab(files: Sequence[Path]) -> dict[str, np.ndarray]:
    """All variables of all `files`, by name.

    Raises:
        DataError: a file that SciPy can't read, such as MATLAB 7.3's HDF5; a variable that two files give
            different values.
    """
    from scipy.io import loadmat

    variables: dict[str, np.ndarray] = {}
    for file in files:
        try:
            content: dict[str, Any] = loadmat(str(file))
        except NotImplementedError as error:
            raise DataError(f"{file}: MATLAB 7.3 (HDF5), which SciPy can't read; save it with -v7") from error
        except Exception as error:  # SciPy's reader raises many kinds on a damaged file
            raise DataError(f"{file}: is not a MATLAB file ({' '.join(str(error).split())[:80]})") from error
        for key, value in content.items():
            if key.startswith("__"):
                continue
            earlier = variables.setdefault(key, value)
            if value.dtype.kind in "biuf" and not np.array_equal(earlier, value, equal_nan=True):
                raise DataError(f"{file}: its {key} differs from that of {_named(files)}; give one release")
    return variables


def vector(variables: dict[str, np.ndarray], name: str, files: Sequence[Path]) -> np.ndarray:
    """A numeric variable as float64 (R,).

    Raises:
        DataError: it is not there, not numeric, or not finite.
    """
    array = _variable(variables, name, files)
    if array.dtype.kind not in "biuf":
        raise DataError(f"{_named(files)}: {name} does not hold numbers")
    values = array.astype(np.float64).ravel()
    wrong = np.flatnonzero(~np.isfinite(values))
    if len(wrong):
        raise DataError(
            f"{_named(files)}: {name} is not finite in row {wrong[0] + 1} (and {len(wrong) - 1} more)"
        )
    return values


def strings(variables: dict[str, np.ndarray], name: str, files: Sequence[Path]) -> list[str]:
    """A cell array of names as a list.

    Raises:
        DataError: it is not there, or holds MATLAB's own string objects, whose content SciPy can't read.
    """
    cells = _variable(variables, name, files).ravel()
    texts = []
    for cell in cells:
        while isinstance(cell, np.ndarray) and cell.dtype == object and cell.size == 1:
            cell = cell.ravel()[0]
        if not isinstance(cell, np.ndarray) or cell.dtype.kind != "U":
            raise DataError(
                f"{_named(files)}: {name} holds MATLAB string objects, which can't be read outside MATLAB; "
                "use the publisher's text file"
            )
        texts.append(str(cell.ravel()[0]) if cell.size else "")
    return texts


def _variable(variables: dict[str, np.ndarray], name: str, files: Sequence[Path]) -> np.ndarray:
    if name not in variables:
        raise DataError(f"{_named(files)}: no variable {name}; there are {', '.join(sorted(variables))}")
    return variables[name]


def _named(files: Sequence[Path]) -> str:
    return ", ".join(map(str, files))
