"""What the features of a network that is not trained further say about quality: ridge regression on them.

    python utils/data_generate/live_generator.py --refs PHOTOS --out DATA --set all --types_per_scene 8 \\
        --label regress
    python benchmarks/rated_sets.py --rated DIR --out RATED
    python benchmarks/frozen_features.py --data DATA --rated RATED [--resume MODEL.pth]

Features are computed once a view; each row then changes one thing: the view, the layers, the types of
distortion, or the full-reference metric that makes the labels. The strength of the ridge is chosen on half of
the unseen scenes, the other half gives the metrics. Without --resume: EfficientNet-Lite0 of ImageNet.
"""

import argparse
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

if __package__ in (None, ""):
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.experiments import LIVE_LIKE
from data_tools.generate.manifest import Record, ordered_pairs, read_manifest
from data_tools.generate.pseudo_mos import fit_mapping, rated
from dataloader.labels import load_labels
from metrics.bootstrap import bootstrap_intervals
from metrics.correlation import srcc
from models import create_model, load_pretrained
from models.normalise import Normalise, to_unit
from rankiqa.image import read_rgb
from rankiqa.spec import HALF
from rankiqa.terminal.progress import progress_bar
from rankiqa.views import View

ARCH = "efficientnet_lite0"
VIEWS = {
    "patches, 1": View("patches", (224, 224), 1),
    "patches, 5": View("patches", (224, 224), 5),
    "fit 224": View("fit", (224, 224)),
    "fit 384": View("fit", (384, 384)),
}
COLUMNS = ("unseen: pairs in order", "unseen: SRCC", "LIVE sample: SRCC (95%)", "TUI at 512 lines: SRCC")
WIDTH = 2 * 1280  # features of the last layer
STRENGTHS = 10.0 ** np.arange(-3, 5)
METRICS = ("vsi", "mdsi", "haarpsi")  # the columns of the manifest, by live_generator's default


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    add = parser.add_argument
    add("--data", type=Path, required=True, help="of live_generator --label regress")
    add("--rated", type=Path, required=True, help="of rated_sets.py")
    add("--resume", type=Path, help="a checkpoint of this project in place of ImageNet weights")
    add("--scenes", type=int, default=40, help="to learn from")
    add("--unseen", type=int, default=16, help="scenes to choose and to judge by")
    args = parser.parse_args()
    network = Features(backbone(args.resume))
    known = of_scenes(read_manifest(args.data / "train/manifest.csv"), args.scenes)
    unseen = of_scenes(read_manifest(args.data / "val/manifest.csv"), args.unseen)
    sets = {
        name: load_labels(args.rated / name / "test/label.txt", "regress") for name in ("live", "tui_512")
    }
    paths = [record.path for record in known + unseen]
    for labels in sets.values():
        paths += [Path(labels.paths[number]) for number in labels.images[:, 0]]
    opinions = {name: labels.targets for name, labels in sets.items()}
    print(
        f"| view, layers, types, labels | {' | '.join(COLUMNS)} |\n|{' --- |' * (len(COLUMNS) + 1)}",
        flush=True,
    )
    for view_name, view in VIEWS.items():
        features = network.of(paths, view, view_name)
        table = Table(features, known, unseen, opinions)
        changes = CHANGES if view_name == "patches, 5" else CHANGES[:1]
        for layers, types, metrics in changes:
            print(
                f"| {view_name}, {layers}, {types}, {metrics} | {table.row(layers, types, metrics)} |",
                flush=True,
            )


# layers, types, labels: the first is what the others differ from
CHANGES = (
    ("all layers", "all types", "mean of ranks"),
    ("last layer", "all types", "mean of ranks"),
    ("all layers", "LIVE's types", "mean of ranks"),
    ("all layers", "all types", "vsi"),
    ("all layers", "all types", "mdsi"),
    ("all layers", "all types", "haarpsi"),
    ("all layers", "all types", "level"),
)


def backbone(resume: Path | None) -> nn.Module:
    """The network in evaluation mode."""
    if resume is not None:
        from deploy.formats.half import open_file as open_checkpoint

        module, _ = open_checkpoint(resume)
        return module.network.eval()
    network = create_model(ARCH, 1, (224, 224))
    load_pretrained(network, ARCH)
    return network.eval()


def of_scenes(records: Iterable[Record], count: int) -> list[Record]:
    """Records of the first `count` scenes in alphabetical order."""
    records = list(records)
    names = sorted({record.scene for record in records})[:count]
    return [record for record in records if record.scene in names]


class Features:
    """Mean and deviation over the image of each channel after every block, the last layer's first."""

    def __init__(self, network: nn.Module) -> None:
        self._network, self._found = network.to(memory_format=torch.channels_last), []  # type: ignore[var-annotated]
        blocks = [network._bn1, *network._blocks]  # type: ignore[misc] # noqa: SLF001
        for block in blocks:
            block.register_forward_hook(lambda _, __, output: self._found.append(output))
        self._normalise = Normalise(HALF, HALF)

    def of(self, paths: Sequence[Path], view: View, name: str) -> np.ndarray:
        """(images, 2 * channels), the mean over the crops of an image."""
        rows = []
        with torch.inference_mode(), progress_bar(total=len(paths), desc=name, unit="image") as bar:
            for path in paths:
                crops = torch.from_numpy(view.evaluate(read_rgb(path))).contiguous(
                    memory_format=torch.channels_last
                )
                self._found.clear()
                self._network(self._normalise(to_unit(crops)))
                last = self._found.pop()  # hooks run in the order of computation: the head's comes last
                rows.append(torch.cat([moments(maps) for maps in (last, *self._found)]).numpy())
                bar.update()
        return np.stack(rows)


def moments(maps: Tensor) -> Tensor:
    """(P, C, H, W) -> (2 C,)."""
    return torch.cat([maps.mean((2, 3)), maps.std((2, 3))], dim=1).float().mean(0)


class Table:
    """Fits and judges on the features of one view."""

    def __init__(
        self, features: np.ndarray, known: list[Record], unseen: list[Record], opinions: dict[str, np.ndarray]
    ) -> None:
        self._known, self._unseen, self._opinions = known, unseen, opinions
        self._features = (features - features[: len(known)].mean(0)) / (features[: len(known)].std(0) + 1e-6)

    def row(self, layers: str, types: str, metrics: str) -> str:
        """The cells of one configuration."""
        chosen = self._features[:, :WIDTH] if layers == "last layer" else self._features
        known = np.array(
            [types == "all types" or record.distortion_type in LIVE_LIKE for record in self._known]
        )
        end = len(self._known) + len(self._unseen)
        learn, judge, rest = chosen[: len(known)][known], chosen[len(known) : end], chosen[end:]
        targets = labels_of(self._known, metrics)[known]
        truth = labels_of(self._unseen, "mean of ranks")
        scenes = sorted({record.scene for record in self._unseen})
        choosing = np.array([record.scene in scenes[::2] for record in self._unseen])
        scored = ridge(learn, targets, np.concatenate([judge, rest]))
        best = max(scored, key=lambda scores: srcc(scores[: len(judge)][choosing], truth[choosing]))
        own = best[: len(judge)][~choosing]
        judging = [record for record, choice in zip(self._unseen, choosing, strict=True) if not choice]
        cells = [f"{in_order(judging, own):.3f}", f"{srcc(own, truth[~choosing]):.3f}"]
        start = len(judge)
        for name, mos in self._opinions.items():
            scores = best[start : start + len(mos)]
            start += len(mos)
            low, high = bootstrap_intervals(lambda a, b: {"srcc": srcc(a, b)}, scores, mos)["srcc"]
            span = f" ({low:.3f} to {high:.3f})" if name == "live" else ""
            cells.append(f"{srcc(scores, mos):.3f}{span}")
        return " | ".join(cells)


def labels_of(records: list[Record], metrics: str) -> np.ndarray:
    """(images,) labels, higher = better: pseudo-MOS of one metric or of all, or 5 less the level."""
    if metrics == "level":
        return np.array([5.0 - record.level for record in records])
    wanted = METRICS if metrics == "mean of ranks" else (metrics,)
    places = [METRICS.index(name) for name in wanted]
    own = [replace(record, quality=tuple(record.quality[place] for place in places)) for record in records]
    return np.array([mos for _, mos in rated(own, fit_mapping(wanted, own))])


def ridge(features: np.ndarray, targets: np.ndarray, others: np.ndarray) -> list[np.ndarray]:
    """Predictions for `others`, one array a strength of STRENGTHS, by the dual form."""
    kernel = features @ features.T / features.shape[1]
    values, vectors = np.linalg.eigh(kernel)
    turned = vectors.T @ (targets - targets.mean())
    across = others @ features.T / features.shape[1] @ vectors
    return [across @ (turned / (values.clip(0) + strength)) + targets.mean() for strength in STRENGTHS]


def in_order(records: list[Record], scores: np.ndarray) -> float:
    """Share of the pairs of levels within a scene and type of which the milder scores higher."""
    found = {record.path: score for record, score in zip(records, scores, strict=True)}
    return float(
        np.mean([found[better.path] > found[worse.path] for better, worse in ordered_pairs(records)])
    )


if __name__ == "__main__":
    main()
