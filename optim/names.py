"""The names that the command line offers, importable without torch."""

import difflib
from argparse import ArgumentTypeError

TORCH = ("adadelta", "adagrad", "adam", "adamax", "adamw", "nadam", "radam", "rmsprop", "sgd")
OWN = ("ralamb", "rangerlars")  # made of the library's parts
# Those of pytorch-optimizer that a plain step is enough for and that continue bit for bit from their saved
# state. Others want a closure, the length of the run, or other weights in evaluation than in training.
LIBRARY = tuple(
    """
    a2grad accsgd adabelief adabound adafactor adagc adalite adamc adamg adamod adamp adams adamwsn adan
    adanorm adapnm adasmooth adatam ademamix adopt aggmo aida alice amos ano apollo asgd avagrad bcos
    came dadaptadam dash diffgrad dualadam emofact emolynx emonavi exadam fadam fira flashadamw focus
    fromage ftrl galore grams gravity grokfastadamw kate kron lamb laprop lars lion madgrad magma mars
    nero novograd padam pid prodigy qhadam qhm racs ranger rose sgdp sgdw shampoo signsgd
    simplifiedademamix sm3 soap spam splus srmm stableadamw stablespam swats tam tiger vsgd yogi
    """.split()
)
OPTIMIZERS = tuple(sorted({*TORCH, *OWN, *LIBRARY}))
# flatten their weights by Tensor.view, which only the contiguous memory layout allows
CONTIGUOUS = ("adamp", "nero", "sgdp", "swats")
LOOKING_AHEAD = ("ranger", "ranger21", "rangerlars")
SCHEDULES = ("piecewise", "cosine", "constant")


def optimizer_name(text: str) -> str:
    """One of OPTIMIZERS in any case, with or without - and _; an argparse type."""
    name = text.strip().lower().replace("-", "").replace("_", "")
    if name not in OPTIMIZERS:
        near = difflib.get_close_matches(name, OPTIMIZERS, n=3)
        hint = f"; did you mean {' or '.join(near)}?" if near else "; see --list_optimizers"
        raise ArgumentTypeError(f"no optimiser {text!r}{hint}")
    return name
