"""Libraries that only some formats and engines need."""

import importlib
import importlib.util
from types import ModuleType

from rankiqa.errors import ConfigError

# the extra of pyproject.toml that brings a package along
_EXTRAS = {
    "av": "video",
    "openvino": "openvino",
    "fastapi": "serve",
    "python-multipart": "serve",
    "uvicorn": "serve",
    "jinja2": "report",
    "matplotlib": "report",
    "plotly": "report",
    "pyarrow": "parquet",
}


def require(module: str, purpose: str, package: str | None = None) -> ModuleType:
    """Import `module`.

    Args:
        module: as it is imported.
        purpose: what needs it; opens the message.
        package: as it is installed, where that is another name.

    Raises:
        ConfigError: it is not installed; the message says how to install it, alone or by an extra of rankiqa.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        name = package or module.split(".")[0]
        extra = _EXTRAS.get(name)
        whole = f', or all that goes with it: pip install "rankiqa[{extra}]"' if extra else ""
        raise ConfigError(f"{purpose} needs the package {name}: pip install {name}{whole}") from error


def installed(module: str) -> bool:
    """Whether `module` can be imported, without importing it."""
    return importlib.util.find_spec(module) is not None
