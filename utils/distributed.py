"""Processes of a distributed run: who they are, how they start, how they talk."""

import gc
import logging
import os
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn

from utils.errors import ConfigError, PeerLostError, RankIQAError
from utils.heartbeat import Heartbeat

TIMEOUT = timedelta(minutes=10)


@dataclass(frozen=True)
class Process:
    """One process of a run.

    Attributes:
        rank, world_size: which of how many processes this is, over all nodes.
        device: what it computes on.
    """

    rank: int = 0
    world_size: int = 1
    device: str = "cpu"

    @property
    def is_main(self) -> bool:
        """Whether this is the one process that writes files."""
        return self.rank == 0


def choose_device(cuda: bool, gpus: int | None) -> tuple[str, int]:
    """("cuda" or "cpu", GPUs to use on this node), with a notice when GPUs were asked for and there is none.

    Args:
        cuda: False keeps away from GPUs.
        gpus: how many were asked for; None: all that are there.
    """
    there = torch.cuda.device_count() if cuda and torch.cuda.is_available() else 0
    if gpus and not there:
        why = "this machine has no usable GPU" if cuda else "--no-cuda was given"
        logging.warning("--gpus %d was asked for, but %s: running on the CPU", gpus, why)
    if gpus and there and gpus > there:
        logging.warning("--gpus %d was asked for, but there are %d: using %d", gpus, there, there)
    used = min(there, there if gpus is None else gpus)
    return ("cuda", used) if used else ("cpu", 0)


def run_processes(
    work: Callable[..., int],
    arguments: tuple[Any, ...],
    *,
    device: str,
    local: int,
    nodes: int = 1,
    node: int = 0,
    init_method: str = "tcp://127.0.0.1:23456",
) -> int:
    """Run `work(process, *arguments)` in every process of this node and give the exit status.

    Under torchrun the processes exist already. Otherwise `local` processes are started here, and none when
    one is enough.

    Args:
        work: a module-level function, because it travels to new processes.
        arguments: picklable.
        device: "cuda" or "cpu".
        local: processes on this node.
        nodes, node: how many machines, and which this is.
        init_method: where the processes meet.

    Raises:
        ConfigError: `node` is not below `nodes`.
    """
    if "RANK" in os.environ and "WORLD_SIZE" in os.environ:
        local_rank = int(os.environ.get("LOCAL_RANK", 0))
        return _joined(local_rank, work, arguments, device, "env://", int(os.environ["WORLD_SIZE"]), None)
    if not 0 <= node < nodes:
        raise ConfigError(
            f"--rank {node}: the rank of this node must lie in 0..{nodes - 1} (--nodes {nodes})"
        )
    world_size = local * nodes
    if world_size == 1:
        return work(Process(0, 1, device), *arguments)
    try:
        mp.start_processes(
            _joined,
            (work, arguments, device, init_method, world_size, node * local),
            nprocs=local,
            start_method="spawn",
        )
    except mp.ProcessExitedException as error:
        return int(error.exit_code or 1)
    return 0


def _joined(
    local_rank: int,
    work: Callable[..., int],
    arguments: tuple[Any, ...],
    device: str,
    init_method: str,
    world_size: int,
    first: int | None,
) -> int:
    rank = int(os.environ["RANK"]) if first is None else first + local_rank
    place = f"cuda:{local_rank}" if device == "cuda" else "cpu"
    if device == "cuda":
        torch.cuda.set_device(local_rank)
    if first is not None:
        torch.set_num_threads(max(1, torch.get_num_threads() // max(1, world_size)))
    # gloo beside nccl: what the processes tell each other from the CPU need not wait for the GPUs
    backend = "cpu:gloo,cuda:nccl" if device == "cuda" else "gloo"
    store = _agent_store(world_size) if first is None else None
    meeting: dict[str, Any] = {"init_method": init_method} if store is None else {"store": store}
    dist.init_process_group(backend, world_size=world_size, rank=rank, timeout=TIMEOUT, **meeting)
    try:
        with Heartbeat(init_method, rank, world_size) if world_size > 1 else nullcontext():
            status = _worked(work, Process(rank, world_size, place), arguments)
    except RankIQAError as error:
        if first is None:
            raise
        logging.error("%s", error)
        status = 2
    finally:
        dist.destroy_process_group()
        # that only lets go of the group; DistributedDataParallel holds it in a cycle, and gloo's threads
        # abort the process ("terminate called without an active exception") if they outlive Python
        gc.collect()
    if first is not None and status:
        raise SystemExit(status)
    return status


def _agent_store(world_size: int) -> dist.Store | None:
    """The store that torchrun keeps over its restarts, each with a part of its own.

    Without that a new process can read the address of one that is gone.
    """
    if os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True":
        return None
    place = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    store = dist.TCPStore(*place, world_size, is_master=False, timeout=TIMEOUT)
    return dist.PrefixStore(f"attempt{os.environ.get('TORCHELASTIC_RESTART_COUNT', 0)}", store)


def _worked(work: Callable[..., int], process: Process, arguments: tuple[Any, ...]) -> int:
    try:
        return work(process, *arguments)
    except RuntimeError as error:
        lost = isinstance(error, dist.DistError) or "gloo" in str(error).lower()
        if process.world_size == 1 or not lost:
            raise
        reason = str(error).strip().splitlines()[0]
        raise PeerLostError(
            f"another process ended or can't be reached ({reason}); "
            "if it was not stopped on purpose, its own messages say why; continue with --continue"
        ) from error


def wrap(network: nn.Module, process: Process, sync_bn: bool = False) -> nn.Module:
    """`network` for one process, else in DistributedDataParallel over the parameters that learn now."""
    if process.world_size == 1:
        return network
    on_gpu = process.device != "cpu"
    if sync_bn and not on_gpu and process.is_main:
        logging.warning("--sync_bn has no effect on the CPU: each process normalises its own rows")
    if sync_bn and on_gpu:
        network = nn.SyncBatchNorm.convert_sync_batchnorm(network)
    devices = [torch.device(process.device)] if on_gpu else None
    return nn.parallel.DistributedDataParallel(network, device_ids=devices)


def sync_buffers(network: nn.Module, process: Process) -> None:
    """Give every process the buffers of the first: batch statistics differ, and the first one's are saved."""
    if process.world_size > 1:
        for buffer in network.buffers():
            dist.broadcast(buffer, src=0)


def sum_processes(values: list[float], process: Process) -> list[float]:
    """The sums of `values` over all processes; every process must call. No GPU is waited for."""
    if process.world_size == 1:
        return values
    shared = torch.tensor(values, dtype=torch.float64)
    dist.all_reduce(shared)
    return shared.tolist()


def gather(value: Any, process: Process) -> list[Any]:
    """`value` of every process, in the order of their ranks; every process must call."""
    if process.world_size == 1:
        return [value]
    values: list[Any] = [None] * process.world_size
    dist.all_gather_object(values, value)
    return values
