"""One scene in every type and level, to be looked at."""

from collections.abc import Sequence
from pathlib import Path

from data_tools.generate.manifest import Record
from rankiqa.files import atomic_write

NAME = "contact_sheet.png"
CELL, GAP, MARGIN = 176, 4, 150


def write_contact_sheet(path: Path, records: Sequence[Record]) -> None:
    """Draw the scene of the first record: a row per type, with the reference, then the levels from left.

    The middle of each image is shown pixel for pixel, because a smaller copy would hide noise and blur; an
    image with fewer pixels is shown whole.
    """
    from PIL import Image, ImageDraw

    scene = records[0].scene
    own = [record for record in records if record.scene == scene]
    reference = next(record for record in own if record.is_reference)
    types = list(dict.fromkeys(record.distortion_type for record in own if not record.is_reference))
    columns = 1 + max(record.level for record in own)
    size = MARGIN + columns * (CELL + GAP), 24 + len(types) * (CELL + GAP)
    sheet = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(sheet)
    for column in range(columns):
        text = f"level {column}" if column else "reference"
        draw.text((MARGIN + column * (CELL + GAP), 6), text, fill="black")
    for row, name in enumerate(types):
        top = 24 + row * (CELL + GAP)
        draw.text((6, top + CELL // 2), name, fill="black")
        for record in (reference, *(record for record in own if record.distortion_type == name)):
            with Image.open(record.path) as image:
                whole = image.convert("RGB")
            left, upper = (max(0, (side - CELL) // 2) for side in whole.size)
            cell = whole.crop((left, upper, min(whole.width, left + CELL), min(whole.height, upper + CELL)))
            sheet.paste(cell, (MARGIN + record.level * (CELL + GAP), top))
    with atomic_write(path) as file:
        sheet.save(file, "PNG")
