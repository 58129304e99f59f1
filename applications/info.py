"""Without an action: what the model of the flags is made of, and how fast it is here."""

import io
import statistics
import time

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from applications.setup.model import new_model, trained_model
from applications.setup.torch_errors import explain_torch_errors
from config import Config
from models import head_of
from models.normalise import place
from rankiqa.machine import keep_freed_memory
from rankiqa.reasons import in_words
from rankiqa.spec import ModelSpec
from utils.distributed import choose_device

RUNS = 10


def run(config: Config) -> int:
    """Print architecture, parameters, multiply-adds, shapes, size of the weights file and latency."""
    network, spec = trained_model(config)[:2] if config.resume else new_model(config)
    device = choose_device(config.cuda, config.gpus)[0]
    if device == "cpu":
        keep_freed_memory()  # as evaluation does
    network = place(network.eval(), device, config.channels_last)
    image = torch.rand(1, 3, *spec.image_size, device=device)
    with torch.inference_mode(), explain_torch_errors(1, spec.image_size):
        with FlopCounterMode(display=False) as counter:
            network(image)
        milliseconds = _latency(network, image, device) * 1000
    name, head = head_of(network)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    lines = {
        "architecture": spec.arch,
        "head": f"{name}: {head.in_features} features -> {head.out_features} logits",
        "parameters": f"{parameters:,}",
        "multiply-adds": f"{counter.get_total_flops() // 2:,} for one image",
        "input": f"{tuple(image.shape)} float32 RGB, mean {spec.mean}, std {spec.std}",
        "output": f"{(1, spec.num_classes)} logits; {_meaning(spec)}",
        **({"reasons": "; ".join(map(in_words, spec.reasons))} if spec.reasons else {}),
        "weights file": f"{_file_size(network) / 2**20:.1f} MiB",
        "latency": f"{milliseconds:.1f} ms for one image on {_device_name(device)} (median of {RUNS})",
    }
    for key, value in lines.items():
        print(f"{key:<14} {value}")
    return 0


def _meaning(spec: ModelSpec) -> str:
    if spec.num_classes == 1:
        return "the score is the logit, higher is better"
    return f"the score is the expected rating in 1..{spec.num_classes}, higher is better"


def _latency(network: nn.Module, image: torch.Tensor, device: str) -> float:
    seconds = []
    for _ in range(RUNS + 2):
        began = time.perf_counter()
        network(image)
        if device == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds[2:])


def _file_size(network: nn.Module) -> int:
    buffer = io.BytesIO()
    torch.save(network.state_dict(), buffer)
    return buffer.tell()


def _device_name(device: str) -> str:
    return torch.cuda.get_device_name() if device == "cuda" else f"the CPU, {torch.get_num_threads()} threads"
