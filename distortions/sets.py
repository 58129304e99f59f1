"""The collections of distortion types that publications use."""

from distortions.registry import find_distortion, list_distortions

LIVE = ("jp2k", "jpeg", "wn", "gblur", "fastfading")

# In the order of TID2013's numbers, 1 to 24 (Ponomarenko et al. 2015, table 2).
TID2013 = (
    "gauss", "chroma_noise", "correlated_noise", "masked_noise", "high_noise", "impulse",
    "quantization", "gblur", "denoise", "jpeg", "jp2k", "jpeg_errors",
    "fastfading", "eccentricity", "blocks", "mean_shift", "contrast", "saturation",
    "multiplicative", "comfort_noise", "noisy_jp2k", "dither", "aberration", "sparse_sampling",
)  # fmt: skip

# In the order of KADID-10k's numbers, 1 to 25 (Lin, Hosu and Saupe 2019, table 1).
KADID = (
    "gblur", "lens_blur", "motion_blur", "colour_diffusion", "colour_shift",
    "colour_quantization", "saturation", "oversaturation", "jp2k", "jpeg",
    "kadid_wn", "kadid_chroma", "kadid_impulse", "kadid_multiplicative", "denoise",
    "brighten", "darken", "mean_shift", "jitter", "eccentricity",
    "pixelate", "kadid_quantization", "colour_blocks", "sharpen", "contrast",
)  # fmt: skip

# What cameras, telephones and networks do to photographs; those that need a package are left out without it.
CAMERA = (
    "sensor_noise", "phone_noise", "noise_reduction", "defocus", "region_defocus", "shake", "straight_motion",
    "overexposed", "underexposed", "lifted", "low_light", "white_balance", "haze", "halos", "hdr",
    "zoom", "zoom_nearest", "zoom_jpeg", "messenger", "screenshot", "mozjpeg", "jpegli", "chroma_subsampling",
    "webp", "avif", "heic", "jpeg_xl",
)  # fmt: skip

SETS: dict[str, tuple[str, ...]] = {
    "live": LIVE,
    "tid2013": TID2013,
    # Ma et al. 2017: Waterloo Exploration, with ladders of its own
    "waterloo": ("waterloo_jp2k", "waterloo_jpeg", "waterloo_wn", "waterloo_gblur"),
    "mlive": ("blur_jpeg", "blur_noise"),
    "kadid": KADID,
    "camera": CAMERA,
}


def types_of(names: str) -> list[str]:
    """The types that a comma list of sets and types stands for, each once, in the order named.

    `all` is every type. Those that need a package which is not installed are in no set, nor in `all`.

    Raises:
        ConfigError: a name that is neither a set nor a type, or a type that needs a package.
    """
    types: dict[str, None] = {}
    there = list_distortions()
    for name in (part.strip().lower() for part in names.split(",")):
        if name == "all" or name in SETS:
            members = [key for key in SETS.get(name, there) if key in there]
        else:
            members = [find_distortion(name).key]
        types.update(dict.fromkeys(members))
    return list(types)
