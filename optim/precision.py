"""Mixed precision: the type in which a network computes, and the scaling that fp16 needs."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

TYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}
NATIVE_BF16 = ("avx512_bf16", "amx_bf16", "bf16")  # x86 and ARM, as Linux spells them


@dataclass(frozen=True)
class Precision:
    """How forward and backward compute.

    Attributes:
        device: "cpu" or "cuda".
        dtype: of autocast; None: as the weights are.
        scaler: keeps small fp16 gradients from vanishing (Micikevicius et al. 2018); idle otherwise.
    """

    device: str
    dtype: torch.dtype | None
    scaler: torch.amp.GradScaler

    def cast(self) -> torch.autocast:
        """The context for a forward pass."""
        return torch.autocast(
            self.device, self.dtype or torch.bfloat16, enabled=self.dtype is not None, cache_enabled=True
        )

    def state_dict(self) -> dict[str, Any]:
        """For a checkpoint; empty where nothing is scaled."""
        return self.scaler.state_dict()


def make_precision(amp: str, device: str) -> Precision:
    """The `Precision` that `amp` ("no", "bf16" or "fp16") means on `device`, with a notice if it is slow."""
    kind = device.split(":")[0]
    if amp == "bf16" and kind == "cpu" and not _has_native_bf16():
        logging.warning("--amp bf16: this processor has no bf16 arithmetic; it will be many times slower")
    return Precision(kind, TYPES.get(amp), torch.amp.GradScaler(kind, enabled=amp == "fp16"))


def _has_native_bf16() -> bool:
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8").split()
    except OSError:
        return True  # not known: no warning
    return any(name in flags for name in NATIVE_BF16)
