"""How many pixels per image may have before it is decoded: one rule for scoring, training and checks."""

from rankiqa.errors import OversizedError

MAX_PIXELS = 250_000_000  # 1 GB in Pillow, 4 bytes each; phones write 200 megapixels
TRAIN_CROP = 256  # pixels of a side that training cuts from an image of the view "whole"
ADVICE = "; --max_pixels N takes more, if the file is to be trusted"
# Deflate makes at most 1032 bytes of one (zlib's technical details); plain pixels make one. Small images
# are left to the decoder, which does no harm by them and knows better what is wrong.
_DEFLATE, _LARGE = 1032, 16_000_000


def refuse_oversized(
    name: str, size: tuple[int, int], form: str, mode: str, file_bytes: int, max_pixels: int
) -> None:
    """Judge an image by its header, before a pixel is decoded.

    Args:
        name: opens the message.
        size: (width, height) that the header claims.
        form: Pillow's name of the format.
        mode: Pillow's mode of the pixels.
        file_bytes: length of the whole file.
        max_pixels: more than these are refused.

    Raises:
        OversizedError: more pixels than `max_pixels`, or than the file's bytes can hold.
    """
    width, height = size
    if width * height > max_pixels:
        raise OversizedError(f"{name}: {width} x {height} pixels, at most {max_pixels} are taken{ADVICE}")
    if width * height >= _LARGE and _bytes_at_least(width, height, form, mode) > _DEFLATE * file_bytes:
        raise OversizedError(
            f"{name}: too many pixels to be true: claims {width} x {height}, which its few bytes can't hold"
        )


def _bytes_at_least(width: int, height: int, form: str, mode: str) -> int:
    """The fewest bytes of pixels that such a header stands for; 0 where a format packs without a limit."""
    if form not in ("PNG", "BMP", "PPM"):
        return 0
    bits = {"RGB": 24, "RGBA": 32, "LA": 16, "I;16": 16, "I": 16}.get(mode, 1)  # grey, palette: 1 to 8 bits
    return width * height * bits // 8
