"""Expected errors. A message says what is wrong, where (file and line), and what would be right."""


class RankIQAError(Exception):
    """Base of every error that a user can cause; `main` prints it in one line and returns 2."""


class ConfigError(RankIQAError):
    """A flag, or a combination of flags, that can't be used."""


class LabelError(RankIQAError):
    """A label file that breaks its format; the message lists the lines."""


class ImageError(RankIQAError):
    """An image that can't be read; the message names the file and the reason."""


class OversizedError(ImageError):
    """An image of more pixels than are taken, or than its file can hold."""


class DataError(RankIQAError):
    """A folder or data set that lacks what the command needs."""


class ArchError(RankIQAError):
    """An unknown architecture, or one that can't take what was asked of it."""


class WeightsError(RankIQAError):
    """Pretrained weights or a checkpoint that can't be found, read or fitted."""


class TrainingError(RankIQAError):
    """A run that can't continue: a loss that is not finite, no memory, a batch too small."""


class PeerLostError(RankIQAError):
    """Another process of a distributed run has ended or can't be reached."""


class ExportError(RankIQAError):
    """A converted file that does not agree with its source, or can't be opened."""
