"""Names that the command line takes, apart from what they stand for: --help loads no libraries."""

from pathlib import Path

# What scores where no file is named; relative to the project, so that any working folder will do.
DEFAULT_MODEL = Path(__file__).resolve().parent.parent / "pretrained" / "default.pth"
ENGINES = ("auto", "torch", "onnx", "openvino")


def no_default_model(example: str) -> str:
    """The message where no model is named and DEFAULT_MODEL is not there; `example` names one."""
    return (
        f"{DEFAULT_MODEL}: there is no default model; train one by bash z_task_shell/quick_start.sh "
        f"and name it: {example} quick_start/checkpoints/model_best_efficientnet_lite0.pth"
    )
