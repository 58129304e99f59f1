"""What tests/test_every_command.py changes in a documented command before it runs it, and why."""

import re

NOT_RUN = {  # start of a command: why no test runs it
    "pip install": "installs packages, over the network",
    "python benchmarks/gate_against_cleanvision.py": "needs an environment of cleanvision's own",
    "python benchmarks/my_taste.py": "needs 280 photographs; a last layer learns two dozen times",
    "python benchmarks/interval_coverage.py": "needs labelled images of two dozen scenes",
    "python main.py -e --resume pretrained/default.pth --data recipes/val": "makes its predictions",
    "rankiqa gate fit --good good/ --bad bad/ --by_reason": "needs a model with reasons",
}

NEEDS = {  # pattern: the package that it needs; requirements-dev.txt leaves the heavy ones out
    r"demos/web_app\.py|^curl|rankiqa (label|serve)": "fastapi",
    r"^ray |--cluster": "ray",
    r"--export .*int8": "nncf",
    r"run_tests\.sh": "mypy",
    r"film|/v1/video|openvino_assessment|video_damage": "av",
}

CHANGES = (  # pattern, replacement, reason; one after another; {names} are ports and folders of the run
    (r"^rankiqa ", "python -m rankiqa ", "the package is not installed here"),
    (r"\bMODEL\.onnx", "checkpoints/mobilenet_v3_small.onnx", "the one that --export has left"),
    (r"\bMODEL(\.pth|\b)", "model.pth", "any model"),
    (r"\bMODEL_int8\.xml", "checkpoints/mobilenet_v3_small_int8.xml", "the one that --export has left"),
    (r"(?<!default_)(scoring\.py.*) --photos DIR", r"\1 --rounds 1 --images photos",
        "it would tile 300 large ones"),
    (r"/shared/photos", "{place}/photos", "no disk that machines share"),
    (r"s3://bucket/photos\?region=eu-west-1", "file://{place}/photos", "no network; another URL of pyarrow"),
    (r"/tmp/out\b", "{place}/out", "no trace outside the folder"),
    (r"tcp://FIRST_MACHINE:\d+", "tcp://127.0.0.1:{meeting}", "two processes on one machine"),
    (r"^torchrun", "torchrun --master_port {torchrun}", "the usual port may be taken"),
    (r"(demos/web_app\.py.*)", r"\1 --port {web}", "the usual port may be taken"),
    (r"(rankiqa (?:label|serve).*)", r"\1 --port {web}", "the same"),
    (r"127\.0\.0\.1:7860", "127.0.0.1:{web}", "the same"),
    (r"^curl", "curl -sS --fail-with-body", "an answer that says no shall fail"),
    (r"--ray-client-server-port \d+", "--ray-client-server-port {client}", "the usual port may be taken"),
    (r"HEAD:10001", "127.0.0.1:{client}", "the same"),
    (r"HEAD:6379", "127.0.0.1:{ray}", "the same"),
    (r"ray start --head", "ray start --head --port {ray} --include-dashboard=false --temp-dir={short}",
        "the same; and its sockets need a short path"),
    (r"^ray start", "ray start --block --num-cpus 1 --object-store-memory 100000000",
        "a cluster that ends with the test"),
    (r"--split 0\.[68] 0\.\d 0\.\d (?=.*--set all)", "--split 0.4 0.4 0.2 ", "judges want two scenes in val"),
    (r"(recipe_generator\.py.*) --groups 3", r"\1 --groups 1 --val 0.3", "time; two scenes in val"),
    (r"(reason_generator\.py.*) --images 20", r"\1 --images 4 --val 0.3", "time; a scene in val"),
    (r"--freeze_backbone 12 --epochs 12", "--freeze_backbone 1 --epochs 1 -b 8 -j 0", "time"),
    (r"--types_per_scene [58]", "--types_per_scene 2", "time"),
    (r"(?<=--data )data/?(?= .*--criterion=regress)", "regress", "labels of another task than of rank"),
    (r"(main\.py.*--train(?!.*--(?:continue|reasons)).*)", r"\1 -j 0 --image_size 64 64 --epochs 1", "time"),
    (r"(?<=average_models\.py )pretrained/laboratory\.pth",
        "checkpoints/regress3/checkpoint_efficientnet_lite0_multi_level.pth",
        "the run before it saw smaller crops than the default model"),
    (r"(--train --continue.*)", r"\1 --epochs 2", "the run that it continues has had its one epoch"),
    (r"(--train --(?:gpus|procs_per_node|nodes).*|torchrun.*)", r"\1 -b 2 -a mobilenet_v3_small",
        "twelve rows in four processes"),
    (r"(--export .*int8.*)", r"\1 --min_srcc -1", "nobody trained the network"),
    (r"(?<=gate fit )(.*) --keep_good 0\.99", r"\1 --keep_good 0.5", "a dozen good examples, not 299"),
    (r"(run_tests\.sh)", r"\1 tests/test_labels.py", "a run of all tests would run itself"),
)  # fmt: skip

BENCHMARKS = {  # start of a command behind benchmarks/: flags that make it small
    "api_load.py": "--clients 2 --seconds 2 --rounds 1 --images 2",
    "camera_sheets.py": "--types haze,jpegli",
    "clean_findings.py": "--every 2 --only clean noisy",
    "clean_folder.py": "--count 40",
    "default_scoring.py": "--counts 1",
    "distortion_order.py": "--count 1",
    "experiments.py": "--scenes 8 --train_flags '-j 0 --epochs 1'",
    "first_step.py": "--workers 0 --steps 1",
    "freed_memory.py": "--archs mobilenet_v3_small --rounds 1 -b 4",
    "frozen_features.py": "--scenes 3 --unseen 3",
    "generation.py": "--count 1",
    "input_pipeline.py": "--count 2 --turns 1 -a mobilenet_v3_small",
    "label_loading.py": "--repeats 1",
    "many_images.py": "--count 40",
    "pair_training.py": "--steps 1 -b 30 --image_size 64 64",
    "parity.py": "--archs mobilenet_v3_small --int8 --images 12",
    "precision.py": "--archs resnet18 --rounds 1 -b 2",
    "pseudo_mos.py agreement": "--count 1 --types live",
    "raters.py": "--runs 1",
    "start.py": "--rounds 1",
    "video_damage.py": "--scenes 1",
}

ANSWERS, PEER = "answers", "--rank 1"  # the server answers; the command that another one waits for
BACKGROUND = {  # pattern: what tells that it is ready: one of these, or words of its output
    r"demos/web_app\.py|rankiqa (label|serve)": ANSWERS,
    r"^ray start": "Ray runtime started",
    r"--rank 0": PEER,
}

SAYS = {  # pattern: words in the output
    r"--gpus [14]\b": "CPU",
    r"main\.py -e .*--criterion[ =]rank|-e --resume checkpoints/(mine/)?model_best": "pair accuracy",
    r"-e --resume checkpoints/(mos|own)/": "SRCC",
    r"-e --resume checkpoints/both/": "mean over sets",
    r"--predict .*--scale koniq": "on the scale of koniq",
    r"-e --pairs": "95% interval",
    r"--continue": "epoch 2/2",
    r"--jit|--export torchscript": "largest difference",
    r"^curl.*/health": "ok",
    r"^curl.*/score": '"score"',
    r"^curl.*/model": '"arch"',
    r"--cluster": "images scored, 0 could not be read",
    r"(predict|score).*--skip_done": "12 of 12 images are done",
    r"rankiqa clean.*--skip_done": "4 of 4 images are done",
    r"score film": "worst seconds: ",
    r"^curl.*/video": '"worst"',
    r"6_my_taste\.sh": "held-out pairs",
    r"run_tests\.sh": "passed",
    r"quick_start\.sh": "Done. What is where",
}

MAY_FAIL = {  # pattern: status, words
    r"gate check": (1, "rejected"),  # noise is no photograph
    r"--find_lr": (2, "the loss falls at no rate"),  # thirty images of noise may not teach at any
}


def changed(command: str, names: dict[str, object]) -> str:
    """The command as it is run."""
    for pattern, replacement, _ in CHANGES:
        command = re.sub(pattern, replacement.format_map(names), command)
    small = [flags for start, flags in BENCHMARKS.items() if f"benchmarks/{start}" in command]
    return " ".join([command, *small])
