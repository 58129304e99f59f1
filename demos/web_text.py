"""The words of the page, in English and Chinese."""

ENGLISH = {
    "title": "# How good does a picture look?",
    "intro": "Higher is better. Pictures stay on this machine.",
    "one": "One picture",
    "two": "Which is better?",
    "many": "Many pictures",
    "drop": "Drop a picture",
    "drop_first": "First picture",
    "drop_second": "Second picture",
    "drop_many": "Drop pictures",
    "score": "Score",
    "shares": "Share of each rating",
    "map": "Where quality is lost",
    "verdict": "Verdict",
    "table": "Scores, best first",
    "measure": "Score",
    "compare": "Compare",
}
CHINESE = {
    "title": "# 这张图片看起来有多好？",
    "intro": "分数越高越好。图片不会离开这台机器。",
    "one": "一张图片",
    "two": "哪张更好？",
    "many": "多张图片",
    "drop": "拖入一张图片",
    "drop_first": "第一张",
    "drop_second": "第二张",
    "drop_many": "拖入多张图片",
    "score": "分数",
    "shares": "各评分的占比",
    "map": "质量损失的位置",
    "verdict": "结论",
    "table": "分数，从高到低",
    "measure": "评分",
    "compare": "比较",
}
# What is said after a picture was judged; chosen by the language that the browser asks for.
ANSWERS = {
    "en": {
        "percentile": "better than {:.0f}% of the validation pictures",
        "better": "**{}** is better: {:.3f} against {:.3f}",
        "tie": "Both are alike: {:.3f}",
        "missing": "Drop a picture first.",
        "refused": "This picture was not taken: {}",
        "busy": "The server is too busy; try again.",
        "columns": ["picture", "score", "percentile", "width", "height", "error"],
    },
    "zh": {
        "percentile": "优于验证集中 {:.0f}% 的图片",
        "better": "**{}** 更好：{:.3f} 对 {:.3f}",
        "tie": "两张相当：{:.3f}",
        "missing": "请先拖入一张图片。",
        "refused": "无法处理这张图片：{}",
        "busy": "服务器繁忙，请稍后再试。",
        "columns": ["图片", "分数", "百分位", "宽", "高", "错误"],
    },
}


def answers(accept_language: str | None) -> dict:
    """The entry of ANSWERS for a browser's Accept-Language."""
    return ANSWERS["zh" if (accept_language or "").lower().startswith("zh") else "en"]
