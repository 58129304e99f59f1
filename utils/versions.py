"""Versions of the packages that a result depends on."""

from importlib.metadata import PackageNotFoundError, version

PACKAGES = ("torch", "torchvision", "timm", "efficientnet-pytorch", "resnest", "pillow", "numpy", "scipy")


def package_versions() -> dict[str, str]:
    """{package: version} of what is installed."""
    found: dict[str, str] = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
