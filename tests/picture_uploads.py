"""Hooks of Schemathesis: what OpenAPI calls binary are pictures, which alone is what it cannot say."""

import schemathesis
from hypothesis import strategies

from tests.conftest import picture
from tests.rest_client import bytes_of

PICTURES = [
    bytes_of(picture(seed, seed / 4, (40 + seed, 60)), kind) for seed in range(4) for kind in ("PNG", "JPEG")
]
for name in ("binary", "picture"):
    schemathesis.openapi.format(name, strategies.sampled_from(PICTURES))
