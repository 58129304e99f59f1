"""TIFFs that Pillow refuses or misreads: float colour, signed samples, 10 to 14 bits, deep white at 0."""

import io
import logging
import struct
from typing import IO, Any

import numpy as np
from PIL import ExifTags, Image, ImageFile

from rankiqa.decoding.color_space import claimed_profile
from rankiqa.decoding.deep_color import deep_to_srgb, forget_profile
from rankiqa.decoding.depth import FLOAT_WHITES, INTEGER_WHITES, require_finite, scaled, white_level
from rankiqa.decoding.profiles import srgb_transform

MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_MOST_SAMPLES = 16  # in a pixel; more are spectra, not images
_PLANAR, _MAX_VALUE, _S_MAX_VALUE, _XMP, _ICC = 284, 281, 341, 700, 34675  # tags
_MIN_IS_WHITE, _MIN_IS_BLACK, _RGB = 0, 1, 2  # values of PhotometricInterpretation
_ASSOCIATED, _UNASSOCIATED = 1, 2  # values of ExtraSamples
_BY_OPENCV = (1, 5, 8, 32946)  # values of Compression: none, LZW, deflate, deflate
_SIGNED, _FLOAT = 2, 3  # values of SampleFormat


class UnsupportedImageError(ValueError):
    """An image of a kind that nothing here decodes; the message says of which, and what helps."""


def misread(image: Image.Image) -> bool:
    """Whether Pillow opened this TIFF, but takes its samples for something else."""
    tags: Any = image.tag_v2  # type: ignore[attr-defined]
    depths = tags.get(ExifTags.Base.BitsPerSample, (1,))
    bits, kind = max(depths), tags.get(ExifTags.Base.SampleFormat, (1,))[0]
    grey = tags.get(ExifTags.Base.PhotometricInterpretation) in (_MIN_IS_WHITE, _MIN_IS_BLACK)
    if bits <= 8:
        return grey and kind == _SIGNED
    if not grey:
        compression, planar = tags.get(ExifTags.Base.Compression, 1), tags.get(_PLANAR, 1)
        if bits == 16 and planar == 2 and compression == 1:
            return True
        profile = claimed_profile(image) if bits == 16 and image.mode in ("RGB", "RGBA") else None
        if profile is None or planar != 1 or compression not in _BY_OPENCV:
            return False
        return srgb_transform(profile, "RGB") is not None  # Pillow would reduce it to 8 bits before
    usual = {_FLOAT: (32,), _SIGNED: (32,)}.get(kind, (16,))
    white_at_0 = tags.get(ExifTags.Base.PhotometricInterpretation) == _MIN_IS_WHITE
    largest = [np.max(tags[tag]) for tag in (_S_MAX_VALUE, _MAX_VALUE) if tag in tags]
    half_used = any(kind == _FLOAT or value < 2.0 ** (bits - 1) for value in largest)
    return bits not in usual or white_at_0 or half_used


class DeepTiff(ImageFile.ImageFile):
    """Pillow image of the first page of a TIFF: opened by its header, 8 bits per sample once loaded."""

    format = "TIFF"
    format_description = "TIFF read by tifffile"

    def _open(self) -> None:
        try:
            import tifffile
        except ImportError as error:
            raise UnsupportedImageError("this TIFF needs one more package: pip install tifffile") from error
        logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # says on stderr what is raised as well
        assert self.fp is not None
        if not isinstance(self.fp, io.BufferedReader | io.BytesIO):  # tifffile knows no other files
            self.fp = io.BytesIO(self.fp.read())
        try:
            page: Any = tifffile.TiffFile(self.fp).pages[0]
        except (KeyError, ValueError, IndexError, TypeError, struct.error) as error:
            raise SyntaxError(f"damaged TIFF: {error}") from error
        first_extra = 3 if page.photometric == _RGB else 1
        if (
            page.dtype is None
            or page.imagedepth != 1
            or page.photometric not in (_MIN_IS_WHITE, _MIN_IS_BLACK, _RGB)
            or not first_extra <= page.samplesperpixel <= _MOST_SAMPLES
        ):
            raise UnsupportedImageError(
                _description(page) + ", which can't be read; convert it to 16-bit RGB"
            )
        self._page = page
        self._size = page.imagewidth, page.imagelength
        kinds = [int(kind) for kind in page.extrasamples] or [_UNASSOCIATED]  # as Pillow without that tag
        has_alpha = page.samplesperpixel > first_extra and kinds[0] in (_ASSOCIATED, _UNASSOCIATED)
        self._associated = has_alpha and kinds[0] == _ASSOCIATED
        self._mode = ("RGB" if first_extra == 3 else "L") + ("A" if has_alpha else "")
        for name, code in (("icc_profile", _ICC), ("xmp", _XMP)):
            if code in page.tags and isinstance(page.tags[code].value, bytes):
                self.info[name] = page.tags[code].value
        orientation = getattr(page.tags.get(ExifTags.Base.Orientation), "value", 1)
        if isinstance(orientation, int):
            self.getexif()[ExifTags.Base.Orientation] = int(orientation)

    def load(self) -> Any:
        """Decode at the first call.

        Raises:
            UnsupportedImageError: compressed in a way that needs one more package.
            ValueError: NaN or infinite samples, damaged data.
        """
        if self._page is not None:
            assert self.fp is not None
            page, self._page = self._page, None
            pixels, is_srgb = _eight_bits(page, self.fp, self.mode, self._associated, claimed_profile(self))
            self.im = Image.fromarray(pixels).im
            if is_srgb:
                forget_profile(self)
            self.fp = None
        return Image.Image.load(self)


def _eight_bits(
    page: Any, file: IO[bytes], mode: str, associated: bool, profile: bytes | None
) -> tuple[np.ndarray, bool]:
    """(H, W) or (H, W, len(mode)) uint8, and whether `profile` has been applied."""
    samples = _samples(page, file)
    small = page.dtype.itemsize <= 2 or page.dtype == np.float32  # half the memory, and exact to the rounding
    exact = np.float32 if small else np.float64
    colours = samples[:, :, : 3 if page.photometric == _RGB else 1].astype(exact)
    require_finite(colours)
    white = _white(page, colours)
    if page.photometric == _MIN_IS_WHITE:
        colours = white - colours
    if mode.endswith("A"):
        alpha = samples[:, :, colours.shape[2], None].astype(exact)
        require_finite(alpha)
        opaque = white if page.dtype.kind != "f" else white_level(alpha, FLOAT_WHITES)
        if associated:
            colours = np.divide(colours * opaque, alpha, out=np.zeros_like(colours), where=alpha > 0)
    applied = None
    if profile is not None and mode.startswith("RGB"):
        applied = deep_to_srgb(scaled(colours, white, 65535), profile)
    pixels = scaled(colours, white) if applied is None else applied
    if mode.endswith("A"):
        pixels = np.dstack([pixels, scaled(alpha, opaque)])
    return pixels[:, :, 0] if mode == "L" else pixels, applied is not None


def _white(page: Any, colours: np.ndarray) -> float:
    """The value that means white: by the tags of maxima where the samples agree, else by the type."""
    is_float, bits = page.dtype.kind == "f", int(page.bitspersample) - (page.dtype.kind == "i")
    found = [np.max(page.tags[code].value) for code in (_S_MAX_VALUE, _MAX_VALUE) if code in page.tags]
    if found and 0 < found[0] < (65536 if is_float else 2.0**bits):
        # a writer may mean the largest value in use instead: up to the next white
        wholes = 2.0 ** np.ceil(np.log2(found[0] + 1)) - 1
        white = next(w for w in FLOAT_WHITES if w >= found[0]) if is_float else max(float(wholes), 1.0)
        if white_level(colours, (white,)) == white:
            return white
    if is_float:
        return white_level(colours, FLOAT_WHITES)
    return 2.0**bits - 1 if bits <= 16 else white_level(colours, (*INTEGER_WHITES, 2.0**bits - 1))


def _samples(page: Any, file: IO[bytes]) -> np.ndarray:
    """(H, W, S) as stored."""
    try:
        stored = page.asarray(maxworkers=1)
    except (ValueError, ImportError, NotImplementedError) as error:
        if isinstance(error, ValueError) and "imagecodecs" not in str(error):
            raise
        stored = _by_opencv(page, file)
    if page.planarconfig == 2 and page.samplesperpixel > 1:
        stored = np.moveaxis(stored, 0, -1)
    return stored.reshape(page.imagelength, page.imagewidth, page.samplesperpixel)


def _by_opencv(page: Any, file: IO[bytes]) -> np.ndarray:
    """As `page.asarray()`, by OpenCV: LZW, predictors and 10 to 14 bits, but no planes, no half floats."""
    message = f"{_description(page)}: needs one more package: pip install imagecodecs"
    try:
        import cv2
    except ImportError as error:
        raise UnsupportedImageError(message) from error
    contiguous = page.planarconfig == 1 and page.samplesperpixel != 2
    if not contiguous or page.dtype == np.float16 or page.compression not in _BY_OPENCV:
        raise UnsupportedImageError(message)
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    file.seek(0)
    stored = cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_UNCHANGED)
    if stored is None or stored.dtype != page.dtype or stored.shape != page.shape:
        raise ValueError(f"{_description(page)} that OpenCV doesn't decode")
    if stored.ndim == 3:
        stored = stored[:, :, [2, 1, 0, *range(3, stored.shape[2])]]
    packed = page.bitspersample in (10, 12, 14)
    return stored >> (16 - page.bitspersample) if packed else stored


def _description(page: Any) -> str:
    """What the page holds, in words."""
    photometric = getattr(page.photometric, "name", page.photometric)
    compression = getattr(page.compression, "name", page.compression)
    kind = {_SIGNED: "signed ", _FLOAT: "float "}.get(page.sampleformat, "")
    depth = f"{page.samplesperpixel} x {page.bitspersample}-bit {kind}samples"
    return f"a TIFF of {depth} ({photometric}, compression {compression})"
