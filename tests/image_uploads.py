"""Hooks of Schemathesis: uploads are images, which is all that OpenAPI cannot say of them."""

import schemathesis
from hypothesis import strategies

from tests.conftest import texture
from tests.rest_client import bytes_of

IMAGES = [
    bytes_of(texture(seed, seed / 4, (40 + seed, 60)), kind) for seed in range(4) for kind in ("PNG", "JPEG")
]
schemathesis.openapi.format("binary", strategies.sampled_from(IMAGES))
