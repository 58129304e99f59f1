"""Oracles: counting rows one by one, union-find, a siamese network that forwards every row by itself."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from criterions.factory import create_criterion
from dataloader.batches import RowBatches, StepRows
from dataloader.datasets import EvalDataset, TrainDataset
from dataloader.groups import row_groups, scenes_of
from dataloader.labels import Labels, load_labels
from dataloader.loaders import eval_loader, train_loader
from dataloader.string_table import StringTable
from rankiqa.views import View


def chains(scenes: int, types: int = 1, levels: int = 5) -> np.ndarray:
    """Reference > level 1 > level 2 ... for every type of every scene."""
    rows = []
    for scene in range(scenes):
        first = scene * (types * levels + 1)
        for kind in range(types):
            line = [first, *range(first + 1 + kind * levels, first + 1 + (kind + 1) * levels)]
            rows += list(zip(line, line[1:], strict=False))
    return np.array(rows)


def stars(scenes: int, leaves: int) -> np.ndarray:
    return np.array(
        [(s * (leaves + 1), s * (leaves + 1) + i) for s in range(scenes) for i in range(1, leaves + 1)]
    )


def random_graph(rows: int, images: int) -> np.ndarray:
    pairs = np.random.default_rng(rows).integers(0, images, (rows * 2, 2))
    return pairs[pairs[:, 0] != pairs[:, 1]][:rows]


GRAPHS = {
    "chains": chains(9, types=3),
    "one long chain": chains(1, levels=200),
    "stars": stars(7, 11),
    "one star": stars(1, 150),
    "sparse": random_graph(150, 200),
    "dense": random_graph(400, 40),
    "two rows": chains(1, levels=2),
    "singles": np.arange(103)[:, None],
}


@pytest.mark.parametrize("world_size", [1, 2, 3])
@pytest.mark.parametrize("batch_size", [1, 4, 7, 64, 1000])
@pytest.mark.parametrize("name", GRAPHS)
def test_every_row_once_an_epoch_over_all_processes(name, batch_size, world_size):
    images = GRAPHS[name]
    ranks = [
        RowBatches(images, images.max() + 1, batch_size, 5, world_size, rank) for rank in range(world_size)
    ]
    orders = []
    for epoch in (0, 1):
        for batches in ranks:
            batches.set_position(epoch)
        steps = list(zip(*ranks, strict=True))  # strict: the same number of steps in every process
        assert len(steps) == len(ranks[0])
        assert all(sum(part.weight for part in step) == pytest.approx(world_size) for step in steps)
        assert all(len(part.rows) == batch_size and part.weight == 1 for step in steps[:-1] for part in step)
        last = [len(part.rows) for part in steps[-1] if part.weight]
        assert max(last) - min(last) <= 1 and max(last) <= batch_size
        assert all(len(part.rows) >= 1 and part.epoch == epoch for step in steps for part in step)
        seen = [row for step in steps for part in step if part.weight for row in part.rows]
        assert sorted(seen) == list(range(len(images)))
        orders.append(seen)
    if len(images) > 20 and batch_size <= 64:  # more than one group, so that there is something to shuffle
        assert orders[0] != orders[1]


def test_the_order_follows_from_seed_and_epoch():
    images = chains(20)

    def order(seed, epoch):
        return RowBatches(images, images.max() + 1, 8, seed).order(epoch).tolist()

    assert order(1, 2) == order(1, 2)
    assert len({tuple(order(seed, epoch)) for seed in range(3) for epoch in range(3)}) == 9


def test_rows_that_are_to_stay_together_do():
    images = np.arange(72)[:, None]
    batches = RowBatches(images, 72, 24, seed=1, together=6)
    steps = [step.rows.reshape(-1, 6) for step in batches]
    assert all((np.diff(ladder) == 1).all() and ladder[0] % 6 == 0 for step in steps for ladder in step)
    assert sorted(np.concatenate(steps)[:, 0]) == list(range(0, 72, 6))
    batches.set_position(1)
    assert [step.rows.tolist() for step in batches] != [step.ravel().tolist() for step in steps]


@pytest.mark.parametrize("start", [0, 1, 5, 12, 13])
def test_position_gives_the_tail_of_the_epoch(start):
    images = chains(20)  # 100 rows, 13 steps of 8
    whole, tail = (RowBatches(images, images.max() + 1, 8, seed=3) for _ in range(2))
    whole.set_position(4)
    tail.set_position(4, start)
    wanted = [step.rows.tolist() for step in whole][start:]
    assert [step.rows.tolist() for step in tail] == wanted and len(wanted) == 13 - start


@pytest.mark.parametrize("limit", [1, 2, 5, 16, 1000])
@pytest.mark.parametrize("name", GRAPHS)
def test_groups_respect_the_limit_and_share_images(name, limit):
    images = GRAPHS[name]
    group = row_groups(images, images.max() + 1, limit)
    assert len(group) == len(images) and np.bincount(group).max() <= limit
    assert sorted(set(group)) == list(range(group.max() + 1))
    if limit == 1000 and images.shape[1] == 2:  # then nothing is cut: groups are the connected parts
        parts = {}
        for row, root in enumerate(union_find(images)):
            parts.setdefault(root, set()).add(group[row])
        assert all(len(found) == 1 for found in parts.values()) and len(parts) == group.max() + 1


def union_find(images: np.ndarray) -> list[int]:
    """For each row the smallest image that hangs together with it."""
    root = list(range(images.max() + 1))
    changed = True
    while changed:
        changed = False
        for a, b in images.tolist():
            low = min(root[a], root[b])
            changed |= root[a] != low or root[b] != low
            root[a] = root[b] = low
    return [root[a] for a in images[:, 0]]


@pytest.mark.parametrize("limit", [5, 7, 14])
def test_a_distortion_type_of_a_scene_stays_together(limit):
    images = chains(6, types=3, levels=5)  # 15 rows per scene, 5 per type
    group = row_groups(images, images.max() + 1, limit).reshape(18, 5)
    assert (group == group[:, :1]).all() and len(np.unique(group)) == 18
    together = row_groups(images, images.max() + 1, 15).reshape(6, 15)
    assert (together == together[:, :1]).all() and len(np.unique(together)) == 6


@pytest.mark.parametrize("name", ["chains", "stars", "sparse"])
def test_scenes_are_the_connected_images(name):
    images = GRAPHS[name]
    scene, roots = scenes_of(images, images.max() + 1), union_find(images)
    assert (scene[images[:, 0]] == scene[images[:, 1]]).all()
    assert len(set(zip(scene[images[:, 0]].tolist(), roots, strict=True))) == len(set(roots))
    assert scenes_of(np.arange(4)[:, None], 4).tolist() == [0, 1, 2, 3]


@pytest.fixture
def rank_labels(tmp_path, monkeypatch) -> Labels:
    """Four scenes of five 12 x 16 images; the level is the brightness, the left edge is black."""
    monkeypatch.chdir(tmp_path)
    for number in range(20):
        pixels = np.random.default_rng(number // 5).integers(20, 60, (12, 16, 3)) + number % 5 * 40
        pixels[:, :4] = 0
        Image.fromarray(pixels.astype(np.uint8)).save(f"{number}.png")
    rows = [(s * 5 + i, s * 5 + j) for s in range(4) for i in range(5) for j in range(i + 1, 5)]
    Path("label.txt").write_text("".join(f"{i}.png,{j}.png\n" for i, j in rows))
    return load_labels("label.txt", "rank")


def pixels_of(path: str) -> torch.Tensor:
    return torch.from_numpy(np.array(Image.open(path))).permute(2, 0, 1)


def test_a_batch_holds_each_distinct_image_once_at_the_right_place(rank_labels):
    rows = np.array([7, 3, 3, 25, 12, 0])
    batch = TrainDataset(rank_labels, View("fit", (12, 16)), None)[StepRows(0, rows, 0.5)]
    distinct = {path for row in rows for path in (rank_labels.paths[i] for i in rank_labels.images[row])}
    assert len(batch.images) == len(distinct) and batch.weight == 0.5 and batch.errors == []
    for row, indices in zip(rows, batch.pair_index, strict=True):
        for number, place in zip(rank_labels.images[row], indices, strict=True):
            assert torch.equal(batch.images[place], pixels_of(rank_labels.paths[number]))


@pytest.mark.parametrize("view", [View("fit", (12, 16)), View("patches", (8, 10))])
def test_both_images_of_a_pair_are_flipped_and_cropped_alike(rank_labels, view):
    dataset, seen, epochs = TrainDataset(rank_labels, view, 1), set(), set()
    for epoch in range(12):
        batch = dataset[StepRows(epoch, np.arange(40), 1.0)]
        better, worse = (batch.images[batch.pair_index[:, side]].int() for side in (0, 1))
        levels = torch.from_numpy(np.diff(rank_labels.images, axis=1)).reshape(-1, 1, 1, 1)
        black = (better == 0) & (worse == 0)
        assert torch.equal(worse - better, torch.where(black, 0, 40 * levels).int())
        seen |= {bool((image[:, :, 0] == 0).all()) for image in batch.images}
        epochs.add(batch.images.numpy().tobytes())
    assert seen == {False, True} and len(epochs) > 6  # four scenes: 16 ways to flip them
    again = dataset[StepRows(11, np.arange(40), 1.0)]
    assert torch.equal(again.images, batch.images)


def test_rows_of_an_unreadable_image_are_left_out_and_told(rank_labels):
    Path("2.png").write_bytes(b"not an image")
    batch = TrainDataset(rank_labels, View("fit", (12, 16)), 1)[StepRows(0, np.arange(10), 1.0)]  # one scene
    assert len(batch.pair_index) == 6 and len(batch.images) == 4  # four of ten pairs hold image 2
    (fault,) = batch.errors
    assert "2.png" in fault and "not an image" in fault
    for number in range(20):
        Path(f"{number}.png").write_bytes(b"")
    batch = TrainDataset(rank_labels, View("fit", (12, 16)), 1)[StepRows(0, np.arange(10), 1.0)]
    assert (
        batch.images.shape == (0, 3, 12, 16) and batch.pair_index.shape == (0, 2) and len(batch.errors) == 5
    )


@pytest.mark.parametrize(("task", "row"), [("emd", "{}.png,{},1,2"), ("regress", "{}.png,{}")])
def test_targets_stay_with_their_images(rank_labels, task, row):
    Path("scores.txt").write_text("".join(row.format(i, i) + "\n" for i in range(20)))
    labels = load_labels("scores.txt", task, 3 if task == "emd" else 1)
    Path("5.png").write_bytes(b"")
    rows = np.array([9, 2, 5, 9])
    batch = TrainDataset(labels, View("fit", (12, 16)), None)[StepRows(0, rows, 1.0)]
    values = batch.targets[:, 0] / batch.targets[:, -1] * 2 if task == "emd" else batch.targets
    assert values.tolist() == pytest.approx([9, 2, 9]) and len(batch.images) == 2
    for place, number in zip(batch.pair_index[:, 0], [9, 2, 9], strict=True):
        assert torch.equal(batch.images[place], pixels_of(f"{number}.png"))


def test_workers_change_nothing(rank_labels):
    runs = []
    for workers in (0, 2):
        batches = RowBatches(rank_labels.images, 20, 7, seed=2)
        loader = train_loader(rank_labels, View("patches", (8, 10)), batches, seed=2, workers=workers)
        run = []
        for epoch, start in ((0, 0), (1, 2)):
            batches.set_position(epoch, start)
            run += list(loader)
        runs.append(run)
    assert [len(run) for run in runs] == [6 + 4, 6 + 4]
    for alone, shared in zip(*runs, strict=True):
        assert alone.weight == shared.weight and alone.errors == shared.errors
        assert all(torch.equal(a, b) for a, b in zip(alone[:3], shared[:3], strict=True))


@pytest.mark.parametrize("world_size", [1, 3])
def test_evaluation_gives_every_image_once(rank_labels, world_size):
    Path("4.png").write_bytes(b"")
    paths = StringTable([f"{number}.png" for number in range(20)])
    view, numbers, faults = View("patches", (8, 10), 4), [], []
    for rank in range(world_size):
        for batch in eval_loader(paths, view, batch_size=3, world_size=world_size, rank=rank):
            for number, patches in zip(batch.numbers.tolist(), batch.images, strict=True):
                assert np.array_equal(patches, view.evaluate(Image.open(paths[number])))
            numbers += batch.numbers.tolist()
            faults += batch.errors
    assert sorted(numbers) == [n for n in range(20) if n != 4] and len(faults) == 1 and "4.png" in faults[0]
    assert EvalDataset(paths, view)[np.array([4])].images.shape[0] == 0


@pytest.mark.parametrize("classes", [1, 5])
def test_deduplicated_step_equals_the_siamese_network(rank_labels, classes):
    torch.manual_seed(0)
    network = nn.Sequential(
        *(nn.Conv2d(3, 6, 3), nn.ReLU(), nn.Conv2d(6, 8, 3, stride=2), nn.Tanh()),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, classes)),
    ).double()
    rows = np.array([0, 1, 2, 5, 7, 11, 11, 30])
    batch = TrainDataset(rank_labels, View("fit", (12, 16)), None)[StepRows(0, rows, 1.0)]
    loss = create_criterion("rank", margin=0.01)(
        network(batch.images.double() / 255), batch.pair_index, batch.targets
    )
    left, right = (
        torch.stack([pixels_of(rank_labels.paths[i]) for i in rank_labels.images[rows, side]])
        for side in (0, 1)
    )
    ratings = torch.arange(1.0, classes + 1, dtype=torch.float64)
    scores = []
    for images in (left, right):  # the two branches share their weights
        out = network(images.double() / 255)
        scores.append(out[:, 0] if classes == 1 else (out.softmax(1) * ratings).sum(1))
    siamese = nn.functional.margin_ranking_loss(*scores, torch.ones(len(rows)), margin=0.01)
    parameters = list(network.parameters())
    ours = torch.autograd.grad(loss, parameters)
    theirs = torch.autograd.grad(siamese, parameters)
    assert loss.item() == pytest.approx(siamese.item(), rel=1e-10) and siamese.item() > 0
    size = torch.cat([g.flatten() for g in theirs]).norm()
    gap = torch.cat([(a - b).flatten() for a, b in zip(ours, theirs, strict=True)]).norm()
    assert size > 0 and gap / size <= 1e-10
