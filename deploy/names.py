"""Names that the command line takes, apart from what they stand for: --help loads no libraries."""

from argparse import ArgumentTypeError
from pathlib import Path

# What scores where no file is named; relative to the project, so that any working folder will do.
DEFAULT_MODEL = Path(__file__).resolve().parent.parent / "pretrained" / "default.pth"
# --export's formats, and the names of their files
FORMATS = {
    "torchscript": "jit_{arch}.pt",
    "half": "{arch}_half.pth",
    "pt2": "{arch}.pt2",
    "onnx": "{arch}.onnx",
    "openvino": "{arch}.xml",
    "onnx-int8": "{arch}_int8.onnx",
    "openvino-int8": "{arch}_int8.xml",
}
ENGINES = ("auto", "torch", "onnx", "openvino")
OUTPUTS = (".csv", ".jsonl", ".parquet")


def format_name(text: str) -> str:
    """A key of FORMATS, in any spelling; a type for argparse."""
    name = text.strip().lower().replace("_", "-")
    if name not in FORMATS:
        raise ArgumentTypeError(f"{text!r} is none of {', '.join(FORMATS)}")
    return name


def no_default_model(example: str) -> str:
    """The message where no model is named and DEFAULT_MODEL is not there; `example` names one."""
    return (
        f"{DEFAULT_MODEL}: there is no default model; train one by bash z_task_shell/quick_start.sh "
        f"and name it: {example} quick_start/checkpoints/model_best_efficientnet_lite0.pth"
    )
