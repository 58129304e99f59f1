"""Blur of lenses out of focus and of cameras that move, in linear light."""

import numpy as np

from distortions.linear_light import to_linear, to_srgb
from distortions.registry import register, steady_generator

RADII = (0.9, 1.6, 2.8, 4.8, 8.0)  # pixels
REGION_RADII = (1.5, 2.5, 4.0, 6.5, 10.0)
EXTENTS = (2.0, 4.0, 8.0, 14.0, 24.0)  # pixels
LENGTHS = (2.5, 5.0, 9.0, 15.0, 25.0)
SUPERSAMPLING = 8
POINTS = 300  # of a trajectory


@register("defocus", "DEFOCUS", RADII)
def defocus(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Out of focus by a circle of confusion of `strength` pixels radius (Potmesil and Chakravarty 1981).

    The image of a point is the aperture: a disc, or a polygon of 5 to 9 blades, drawn for the image.
    KADID-10k's `lens_blur` is a disc on gamma-coded values; in linear light highlights become bright discs.
    """
    blades, turn = _aperture(image)
    return to_srgb(_filtered(to_linear(image), aperture_kernel(strength, blades, turn)))


@register("shake", "SHAKE", EXTENTS)
def shake(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """A shaken camera: a trajectory drawn for the image, with an extent of `strength` pixels.

    All levels have one trajectory, which grows; Boracchi and Foi 2012 take a longer piece of it.
    """
    return to_srgb(_filtered(to_linear(image), path_kernel(trajectory(steady_generator(image)), strength)))


@register("straight_motion", "STRAIGHT_MOTION", LENGTHS)
def straight_motion(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """A steady motion over `strength` pixels in a direction drawn for the image, in linear light.

    `motion_blur` is KADID-10k's, shorter and on gamma-coded values.
    """
    angle = steady_generator(image).uniform(0, np.pi)
    line = np.linspace(-0.5, 0.5, POINTS) * np.exp(1j * angle)
    return to_srgb(_filtered(to_linear(image), path_kernel(line, strength)))


@register("region_defocus", "REGION_DEFOCUS", REGION_RADII)
def region_defocus(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Focus on the wrong place: a region drawn for the image, or all but it, blurred by `strength` pixels.

    Two kernels, of the full and of half the radius, are blended along the smooth border, so that the circle
    of confusion grows across it as it does with the distance from the plane of focus.
    """
    light, share = to_linear(image), blurred_share(image)[..., None]
    blades, turn = _aperture(image)
    full = _filtered(light, aperture_kernel(strength, blades, turn))
    half = _filtered(light, aperture_kernel(strength / 2, blades, turn))
    # from sharp to half below a share of 1/2, from half to full above
    nearer = np.where(share < 0.5, light, full)
    return to_srgb(half + np.abs(2 * share - 1) * (nearer - half))


def blurred_share(image: np.ndarray) -> np.ndarray:
    """How far out of focus each place is, (H, W) float32 in [0, 1]: an ellipse, its inside or its outside."""
    rng = steady_generator(image)
    height, width = image.shape[:2]
    row, column = rng.uniform(0.25, 0.75, 2) * (height, width)
    tall, wide = rng.uniform(0.25, 0.45, 2) * (height, width)
    angle = rng.uniform(0, np.pi)
    y, x = np.ogrid[:height, :width]
    down, right = (y - row) / tall, (x - column) / wide
    turned = np.hypot(
        down * np.cos(angle) - right * np.sin(angle), down * np.sin(angle) + right * np.cos(angle)
    )
    inside = np.clip((1.3 - turned) / 0.6, 0, 1).astype(np.float32)
    smooth = inside * inside * (3 - 2 * inside)
    return smooth if rng.random() < 0.5 else 1 - smooth


def aperture_kernel(radius: float, blades: int = 0, turn: float = 0.0) -> np.ndarray:
    """The share (N, N) of each pixel that an aperture of `radius` pixels covers, in sum 1; N is odd.

    Args:
        blades: sides of a regular polygon with the area of the disc; 0 for the disc itself.
        turn: the polygon's rotation in radians.
    """
    half = int(np.ceil(1.25 * radius + 0.5))
    size = 2 * half + 1
    at = (np.arange(size * SUPERSAMPLING) + 0.5) / SUPERSAMPLING - half - 0.5
    x, y = np.meshgrid(at, at)
    distance = np.hypot(x, y)
    if blades:
        sector = 2 * np.pi / blades
        off = (np.arctan2(y, x) - turn) % sector - sector / 2
        # the distance from the middle to a side, where polygon and disc have one area
        apothem = radius * np.sqrt(np.pi / (blades * np.tan(sector / 2)))
        inside = distance * np.cos(off) <= apothem
    else:
        inside = distance <= radius
    covered = inside.reshape(size, SUPERSAMPLING, size, SUPERSAMPLING).mean(axis=(1, 3))
    return covered / covered.sum()


def trajectory(rng: np.random.Generator) -> np.ndarray:
    """A random path of a hand-held camera, complex (POINTS,), its largest extent 1 and its mean 0.

    Boracchi and Foi 2012 ("Modeling the performance of image restoration from motion blur", section IV): a
    particle with inertia, Gaussian perturbations, a pull to the start, and now and then an impulse that turns
    it round. The parameters are those of Kupyn et al. 2018 (DeblurGAN, algorithm 1).
    """
    inertia, pull = 0.2 * rng.random(), 0.7 * rng.random() / POINTS
    jerk, shakes = 10 * rng.random() / POINTS, 0.02 * rng.random()
    turn = np.exp(2j * np.pi * rng.random())
    speed = turn / POINTS
    path = np.zeros(POINTS, complex)
    for i in range(POINTS - 1):
        impulse = 2 * speed * np.exp(1j * (np.pi + rng.random() - 0.5)) if rng.random() < shakes else 0
        noise = complex(*rng.standard_normal(2))
        speed = speed + impulse + inertia * jerk * noise / POINTS - pull * path[i]
        speed = speed / abs(speed) / POINTS
        path[i + 1] = path[i] + speed
    extent = max(np.ptp((path * np.exp(1j * angle)).real) for angle in np.linspace(0, np.pi, 37))
    return (path - path.mean()) / extent


def path_kernel(path: np.ndarray, extent: float) -> np.ndarray:
    """The share (N, N) of the exposure that a point on `path` spends on each pixel; sum 1, N odd.

    Args:
        path: places at equal times, complex (columns + 1j * rows), of extent 1.
        extent: what it is scaled to, in pixels.
    """
    points = path * extent
    half = int(np.ceil(np.abs(points).max())) + 1
    kernel = np.zeros((2 * half + 1, 2 * half + 1))
    rows, columns = points.imag + half, points.real + half
    top, left = np.floor(rows).astype(int), np.floor(columns).astype(int)
    down, right = rows - top, columns - left
    for i, j, weight in ((0, 0, (1 - down) * (1 - right)), (0, 1, (1 - down) * right),
                         (1, 0, down * (1 - right)), (1, 1, down * right)):  # fmt: skip
        np.add.at(kernel, (top + i, left + j), weight)
    return kernel / kernel.sum()


def _aperture(image: np.ndarray) -> tuple[int, float]:
    rng = steady_generator(image)
    return int(rng.choice((0, 0, 5, 6, 7, 9))), float(rng.uniform(0, 2 * np.pi))


def _filtered(light: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    import cv2

    # filter2D correlates; a convolution turns the kernel
    turned = kernel[::-1, ::-1].astype(np.float32)
    return np.asarray(cv2.filter2D(light, -1, turned, borderType=cv2.BORDER_REFLECT))
