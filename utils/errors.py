"""The project's errors, which the installed runtime declares."""

from rankiqa.errors import (
    ArchError,
    ConfigError,
    DataError,
    ExportError,
    ImageError,
    LabelError,
    OversizedError,
    PeerLostError,
    RankIQAError,
    TrainingError,
    WeightsError,
)

__all__ = [
    "ArchError",
    "ConfigError",
    "DataError",
    "ExportError",
    "ImageError",
    "LabelError",
    "OversizedError",
    "PeerLostError",
    "RankIQAError",
    "TrainingError",
    "WeightsError",
]
