"""Rows of recipes, and which distortion types they draw from, how strongly."""

from dataclasses import dataclass

from distortions.stages import Stage, is_chain

Stages = tuple[Stage, ...]

SEEN = 512.0 * 512  # pixels at which an image is seen: the area of the default view
LEFT_OUT = frozenset(("heic", "jpeg_xl"))  # their packages may be missing where the recipes are read

# Full-reference metrics hardly mind these, people do: their labels fall with the level
TONE = frozenset(
    ("overexposed", "underexposed", "low_light", "white_balance", "haze", "brighten", "darken", "mean_shift")
    + ("contrast", "hdr", "halos", "colour_shift", "oversaturation")
)
COLOUR_ALONE = frozenset(
    ("colour_diffusion", "colour_shift", "saturation", "oversaturation", "white_balance", "chroma_noise")
    + ("kadid_chroma", "chroma_subsampling", "colour_blocks", "colour_quantization")
)
SLOW = frozenset(("fastfading", "denoise", "noisy_jp2k", "colour_quantization", "dither"))
# How the codecs of photographs are usually set, in the unit of each one's ladder: from hardly visible on
CODECS = {"jpeg": (93, 20), "mozjpeg": (92, 20), "jpegli": (0.8, 9), "webp": (92, 5), "avif": (80, 12)}
# A capture comes before its processing, which comes before the codec of the network
CAPTURE = (
    "sensor_noise",
    "phone_noise",
    "defocus",
    "shake",
    "underexposed",
    "overexposed",
    "low_light",
    "haze",
)
PROCESSING = ("noise_reduction", "halos", "hdr", "zoom", "white_balance", "sharpen", "lifted", "contrast")
NETWORK = ("jpeg", "mozjpeg", "jpegli", "webp", "avif", "messenger", "zoom_jpeg", "jp2k", "screenshot")
NOISES = ("sensor_noise", "phone_noise", "correlated_noise", "gauss", "lifted")
FIRST = ("gblur", "defocus", "underexposed", "zoom", "haze", "sensor_noise", "jpeg")
# Noise that is only just seen, up to what nobody overlooks, in the unit of each one's ladder
FINE_NOISE = {
    "sensor_noise": (8e-5, 2e-3),
    "correlated_noise": (38, 28),
    "gauss": (38, 28),
    "lifted": (0.8, 3),
}
# How a photograph may be before a codec saves it, in the unit of each one's ladder
SAVED_SOURCES = {
    "overexposed": (0.3, 1.6),
    "underexposed": (0.5, 2.5),
    "gblur": (0.5, 1.5),
    "sensor_noise": (8e-5, 6e-4),
}
# From hardly to hopeless, in stops
EXPOSURE = {"underexposed": (0.6, 6.0), "overexposed": (0.4, 4.0)}
# A second stage that would undo one of these is not drawn after it
REPAIRS = {
    "noise_reduction": NOISES,
    "overexposed": ("underexposed", "low_light"),
    "lifted": ("underexposed", "low_light"),
    "underexposed": ("overexposed",),
    "low_light": ("overexposed",),
} | dict.fromkeys(("sharpen", "halos", "hdr", "contrast"), ("gblur", "defocus", "shake", "zoom", "haze"))


@dataclass(frozen=True)
class PlannedRow:
    """One image of a group.

    Attributes:
        stages: from the photograph to it.
        kind: the distortion type that was added or raised last, or "reference".
        level: 0 of what is as good as its reference, else from 1 on; above 5 beyond the ladder of its type.
        parent: the row of the group than which it is worse; None: the photograph itself.
        equal_to: the row of the group that is as good; its label is taken.
        base: the damaged row to which `kind` was added; None: the photograph itself.
    """

    stages: Stages
    kind: str = "reference"
    level: float = 0.0
    parent: int | None = None
    equal_to: int | None = None
    base: int | None = None

    @property
    def distortion_type(self) -> str:
        """`kind`, or "chain" where there are several stages of damage."""
        return "chain" if is_chain(self.stages) else self.kind
