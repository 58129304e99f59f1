"""The page's small pieces of HTML. Whatever comes from a user is escaped."""

from collections.abc import Sequence
from html import escape
from typing import Any

STYLE = """
.card { padding: 12px 16px; border: 1px solid var(--border-color-primary); border-radius: 10px; }
.card .number { font-size: 3rem; font-weight: 700; line-height: 1.1; }
.card .small, .hint { color: var(--body-text-color-subdued); font-size: 0.9rem; }
.card h4 { margin: 14px 0 4px; }
.scale { position: relative; height: 10px; margin: 10px 0 4px; border-radius: 5px;
         background: linear-gradient(90deg, #d73027, #fee090, #4575b4); }
.scale i { position: absolute; top: -4px; width: 4px; height: 18px; margin-left: -2px;
           background: var(--body-text-color); border-radius: 2px; }
.ends { display: flex; justify-content: space-between; }
.shares { display: grid; grid-template-columns: 1.2em 1fr 3em; gap: 3px 8px; align-items: center; }
.shares i { display: block; height: 12px; border-radius: 3px; background: var(--color-accent); }
.problem { padding: 10px 14px; border-left: 4px solid #d73027; background: #d7302718; }
.verdict { padding: 10px 14px; border-left: 4px solid #4575b4; background: #4575b418; font-size: 1.3rem; }
#table img { height: 48px; border-radius: 4px; }
"""


def score_card(
    score: float,
    shares: Sequence[float] | None,
    lines: Sequence[str],
    ends: tuple[float, float] | None,
    say: Any,
) -> str:
    """The score on its scale, further lines, and the distribution, best rating first.

    Args:
        score: of the image.
        shares: of the ratings, 1 first; None: the model gives one number.
        lines: what else there is to say.
        ends: worst and best score, where they are known.
        say: an entry of `web_text.ANSWERS`.
    """
    rows = [f"<div>{escape(say['score'])}</div><div class='number'>{score:.3f}</div>"]
    rows.append(_scale(score, ends, shares is not None, say))
    rows += [f"<div class='small'>{escape(line)}</div>" for line in lines]
    if shares is not None:
        rows.append(f"<h4>{escape(say['shares'])}</h4><div class='shares'>")
        rows += [
            f"<span>{rating}</span><span><i style='width:{share:.1%}'></i></span><span>{share:.0%}</span>"
            for rating, share in reversed(list(enumerate(shares, 1)))
        ]
        rows.append("</div>")
    return f"<div class='card'>{''.join(rows)}</div>"


def _scale(score: float, ends: tuple[float, float] | None, rated: bool, say: dict[str, Any]) -> str:
    if ends is None:
        return f"<div class='small'>{escape(say['no_scale'])}</div>"
    low, high = ends
    place = 100 * min(1.0, max(0.0, (score - low) / ((high - low) or 1.0)))
    words = say["scale"].format(f"{low:.0f}", f"{high:.0f}") if rated else say["seen"].format(*ends)
    return (
        f"<div class='scale'><i style='left:{place:.1f}%'></i></div><div class='small'>{escape(words)}</div>"
    )


def problem(text: str) -> str:
    """Why something was not done."""
    return f"<div class='problem'>{escape(text)}</div>"


def hint(text: str) -> str:
    """What to know, in grey."""
    return f"<div class='hint'>{escape(text)}</div>"


def verdict(text: str, detail: str) -> str:
    """The outcome of a comparison."""
    return f"<div class='verdict'><strong>{escape(text)}</strong> &nbsp; {escape(detail)}</div>"
