"""Names that the command line takes, apart from what they stand for: --help loads no libraries."""

from argparse import ArgumentTypeError

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
