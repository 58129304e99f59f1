"""The words of the page, in English and Chinese."""

from typing import Any

ENGLISH = {
    "title": "# How good does an image look?",
    "intro": "A trained network judges what people would say. **Higher is better.** "
    "Images go to this server only.",
    "one": "One image",
    "two": "Which is better?",
    "many": "Many images",
    "drop": "Image",
    "drop_first": "First image",
    "drop_second": "Second image",
    "drop_many": "Images",
    "map": "Where quality is lost",
    "table": "Best first",
    "examples": "Or try one of these",
}
CHINESE = {
    "title": "# 这张图片看起来有多好？",
    "intro": "由训练好的网络估计人们的评价。**分数越高越好。** 图片只会发送到这台服务器。",
    "one": "一张图片",
    "two": "哪张更好？",
    "many": "多张图片",
    "drop": "图片",
    "drop_first": "第一张图片",
    "drop_second": "第二张图片",
    "drop_many": "图片",
    "map": "质量损失的位置",
    "table": "从好到差",
    "examples": "或者试试这些图片",
}
# What is said after an image was judged; chosen by the language that the browser asks for.
ANSWERS: dict[str, dict[str, Any]] = {
    "en": {
        "score": "Score",
        "scale": "{} is worst, {} is best",
        "seen": "validation images had {:.2f} (worst) to {:.2f} (best)",
        "no_scale": "higher is better; this model has no fixed scale",
        "percentile": "better than {:.0f}% of the validation images",
        "shares": "Share of each rating",
        "pixels": "{} x {} pixels",
        "patches": "Left: the image. Right: red places look worse, blue ones better; "
        "the colours mean the same scores in every image.",
        "fit": "Left: what the network saw. Right: red places harm the score, blue ones raise it.",
        "better": "{} is better",
        "by": "{:.3f} against {:.3f}",
        "tie": "Both look about alike",
        "missing": "Drop the other image too.",
        "refused": "{} was not taken: {}",
        "reason": "{}",
        "reasons": {},
        "busy": "The server is too busy; try again.",
        "gone": "its file is no longer on the server; drop it again",
        "columns": ["", "image", "score", "percentile", "width", "height", "problem"],
        "cut": "Only the first {} of {} images were judged.",
        "done": "{} judged, {} could not be read.",
    },
    "zh": {
        "score": "分数",
        "scale": "{} 最差，{} 最好",
        "seen": "验证集图片的分数从 {:.2f}（最差）到 {:.2f}（最好）",
        "no_scale": "越高越好；该模型没有固定的分数范围",
        "percentile": "优于验证集中 {:.0f}% 的图片",
        "shares": "各评分的占比",
        "pixels": "{} x {} 像素",
        "patches": "左：原图。右：红色处看起来较差，蓝色处较好；同一颜色在每张图片中代表同样的分数。",
        "fit": "左：网络看到的图片。右：红色处降低分数，蓝色处提高分数。",
        "better": "{} 更好",
        "by": "{:.3f} 对 {:.3f}",
        "tie": "两张看起来差不多",
        "missing": "请再拖入另一张图片。",
        "refused": "无法处理 {}：{}",
        "reason": "文件损坏、不是图片或超出限制（{}）",
        "reasons": {  # patterns of what `rankiqa.image` and `rankiqa.serve.service` say
            "an empty file": "空文件",
            "not an image.*": "不是可识别的图片格式",
            "damaged image .*": "图片已损坏",
            "too many pixels .*": "像素过多，无法安全解码",
            r"(\d+) x (\d+) pixels, at most (\d+) are taken": "{} x {} 像素，超过上限 {} 像素",
            r"(\d+) bytes, at most (\d+) are taken": "{} 字节，超过上限 {} 字节",
        },
        "busy": "服务器繁忙，请稍后再试。",
        "gone": "服务器上已没有该文件，请重新拖入。",
        "columns": ["", "图片", "分数", "百分位", "宽", "高", "问题"],
        "cut": "只评价了 {1} 张中的前 {0} 张。",
        "done": "已评价 {} 张，{} 张无法读取。",
    },
}


def answers(accept_language: str | None) -> dict[str, Any]:
    """The entry of ANSWERS for a browser's Accept-Language."""
    return ANSWERS["zh" if (accept_language or "").lower().startswith("zh") else "en"]
