"""The noise of an image sensor: photons and electronics under a colour filter array, in linear light.

Variance of a raw value x in [0, 1]: shot * x + read (Foi, Trimeche, Katkovnik and Egiazarian 2008). Both
grow with the ISO speed along the line log(read) = 2.18 log(shot) + 1.20, which Brooks et al. 2019
("Unprocessing images for learned raw denoising", section 3.1) fitted to the cameras of the Darmstadt Noise
Dataset for shots of 0.0001 to 0.012. White balance and colour matrix come after the noise, and amplify it.
"""

from dataclasses import dataclass

import numpy as np

from distortions.linear_light import through, to_linear, to_srgb

RGB_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
SATURATION = 0.9  # linear light from which a photograph fades to white, as Brooks et al. have it


@dataclass(frozen=True)
class Camera:
    """A camera's matrix from XYZ to its own colours, and its white balance gains in daylight.

    Both are of the code of Brooks et al. 2019: matrices as the cameras' DNG files have them, and the middle
    of the range of gains (1.9 to 2.4 for red, 1.5 to 1.9 for blue).
    """

    xyz_to_camera: tuple[tuple[float, float, float], ...]
    gains: tuple[float, float, float] = (2.15, 1.0, 1.7)

    def from_rgb(self) -> np.ndarray:
        """The matrix (3, 3) from linear sRGB to white-balanced camera colours; grey stays grey."""
        matrix = np.array(self.xyz_to_camera) @ RGB_TO_XYZ
        return matrix / matrix.sum(axis=1, keepdims=True)


COMPACT = Camera(
    ((0.6596, -0.2079, -0.0562), (-0.4782, 1.3016, 0.1933), (-0.097, 0.1581, 0.5181))
)  # RX100 IV
PHONE = Camera(
    ((1.0234, -0.2969, -0.2266), (-0.5625, 1.6328, -0.0469), (-0.0703, 0.2188, 0.6406))
)  # Nexus 6P


def read_of(shot: float) -> float:
    """The variance of the read noise that belongs to the shot noise `shot` (Brooks et al. 2019)."""
    return float(np.exp(2.18 * np.log(shot) + 1.20))


def sensor_noise_in(light: np.ndarray, shot: float, rng: np.random.Generator, camera: Camera) -> np.ndarray:
    """Noise in linear sRGB, float32 (H, W, 3), of a photograph of `light` taken at `shot`.

    Each place has one colour filter (RGGB) and one value: Poisson of the photons, normal of the electronics.
    Bilinear demosaicing fills in the others, so that neighbours share their noise; only the noise passes
    through it, or its loss of detail would be a second damage. Where the photograph is white the sensor is
    full, and nothing is left to vary.
    """
    colours = through(light, camera.from_rgb())
    mosaic = _mosaic(np.maximum(colours, 0) / np.array(camera.gains, np.float32))
    photons = rng.poisson(mosaic / shot).astype(np.float32) * np.float32(shot)
    electrons = np.float32(np.sqrt(read_of(shot))) * rng.standard_normal(mosaic.shape, dtype=np.float32)
    full = np.clip((_mosaic(colours) - SATURATION) / (1 - SATURATION), 0, 1)
    noise = demosaic((photons - mosaic + electrons) * (1 - full))
    to_rgb = np.linalg.inv(camera.from_rgb()) * np.array(camera.gains)
    return through(noise, to_rgb)


def photographed(
    image: np.ndarray, shot: float, rng: np.random.Generator, camera: Camera = COMPACT
) -> np.ndarray:
    """sRGB uint8 (H, W, 3) with the noise of `camera` at `shot`."""
    light = to_linear(image)
    return to_srgb(light + sensor_noise_in(light, shot, rng, camera))


def demosaic(mosaic: np.ndarray) -> np.ndarray:
    """Colours float32 (H, W, 3) of RGGB values (H, W) by bilinear interpolation, borders mirrored."""
    import cv2

    planes = np.zeros((*mosaic.shape, 3), np.float32)
    for channel, row, column in ((0, 0, 0), (1, 0, 1), (1, 1, 0), (2, 1, 1)):
        planes[row::2, column::2, channel] = mosaic[row::2, column::2]
    sparse = np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]], np.float32) / 4
    dense = np.array([[0, 1, 0], [1, 4, 1], [0, 1, 0]], np.float32) / 4
    # mirroring about the outermost pixel keeps the order of the filters
    border = cv2.BORDER_REFLECT_101
    channels = [
        cv2.filter2D(planes[..., c], -1, k, borderType=border) for c, k in enumerate((sparse, dense, sparse))
    ]
    return np.dstack(channels)


def _mosaic(colours: np.ndarray) -> np.ndarray:
    mosaic = colours[..., 1].copy()
    mosaic[0::2, 0::2] = colours[0::2, 0::2, 0]
    mosaic[1::2, 1::2] = colours[1::2, 1::2, 2]
    return mosaic
