"""How operators say lengths of time and what moves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable


def time_in_chinese(seconds: float) -> str:
    """``50 秒``, ``2 分``, ``2 分 5 秒``."""
    minutes, rest = divmod(round(seconds), 60)
    return " ".join([f"{minutes} 分"] * (minutes > 0) + [f"{rest} 秒"] * (rest > 0 or minutes == 0))


def time_in_english(seconds: float) -> str:
    """``50 s``, ``2 min``, ``2 min 5 s``."""
    minutes, rest = divmod(round(seconds), 60)
    return " ".join([f"{minutes} min"] * (minutes > 0) + [f"{rest} s"] * (rest > 0 or minutes == 0))


def counted(labels: Iterable[str]) -> tuple[str, str]:
    """What there is of each class: ``2 辆汽车、1 辆客车`` and ``2 cars, 1 bus``."""
    numbers = sorted(Counter(labels).items(), key=lambda each: (-each[1], each[0]))
    several = [so_many(label, number) for label, number in numbers]
    return "、".join(zh for zh, _ in several), ", ".join(en for _, en in several)


def so_many(label: str, number: int) -> tuple[str, str]:
    """So many of a class: ``2 人`` and ``2 people``, ``1 辆汽车`` and ``1 car``."""
    en = f"{number} {label if number == 1 else _several(label)}"
    if label == "person":
        return f"{number} 人", en
    return f"{number} {_MEASURES.get(label, '个')}{chinese(label)}", en


_WHEELED = ("bicycle", "car", "motorcycle", "bus", "truck", "vehicle")
_MEASURES = dict.fromkeys(_WHEELED, "辆") | {
    "dog": "条",
    "cat": "只",
    "horse": "匹",
    "boat": "艘",
    "train": "列",
    "skateboard": "块",
}

# What operators call the classes of COCO that can intrude; others are told in the model's own word.
_CHINESE = {
    "person": "人员",
    "bicycle": "自行车",
    "car": "汽车",
    "motorcycle": "摩托车",
    "bus": "客车",
    "truck": "货车",
    "dog": "犬",
    "cat": "猫",
    "horse": "马",
    "boat": "船",
    "train": "列车",
    "skateboard": "滑板",
    "vehicle": "车辆",
}


def chinese(label: str) -> str:
    """The word operators say for a class of the model."""
    return _CHINESE.get(label, label)


_SEVERAL = {"person": "people", "bus": "buses", "sheep": "sheep"}


def _several(label: str) -> str:
    return _SEVERAL.get(label, f"{label}s")
