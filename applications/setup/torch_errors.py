"""Errors of torch that a user can fix, in a user's words."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from rankiqa.files import NO_ROOM
from utils.errors import TrainingError


@contextmanager
def explain_torch_errors(batch_size: int, image_size: tuple[int, int]) -> Iterator[None]:
    """Turn these into a TrainingError with advice: no memory, batch-norm's "one value per channel", a lost
    process of the loader, a disk without room.

    Args:
        batch_size: rows per step, named in the message.
        image_size: (height, width) of the network's input.
    """
    size = f"{image_size[0]}x{image_size[1]}"
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError, RuntimeError, ValueError) as error:
        text = str(error)
        memory = isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in text
        if memory:
            raise TrainingError(
                f"out of memory with -b {batch_size} and --image_size {size}: lower one of them"
            ) from error
        if "more than 1 value per channel" in text:
            raise TrainingError(
                f"a step of one image at --image_size {size} leaves this network's batch normalisation one "
                f"value per channel: raise --image_size, or change -b {batch_size} so that "
                "there is no last step of one row"
            ) from error
        lost = re.search(r"DataLoader worker \(pid(?:\(s\))? ([\d, ]+)\)", text)
        if lost:
            raise TrainingError(
                f"a process that reads images ({lost[1]}) was ended from outside, as a rule because memory "
                "ran out: lower -j or --cache_size; a checkpoint that was written before is unharmed, and "
                "--continue continues from it"
            ) from error
        raise
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        place = f"{error.filename}: " if error.filename else ""
        raise TrainingError(
            f"{place}can't be written ({error.strerror}): make room; a checkpoint that was written before is "
            "unharmed, and --continue continues from it"
        ) from error
