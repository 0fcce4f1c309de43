"""What operators call what is scored."""

from __future__ import annotations

from patrol.evaluation.truth import CROWD_COUNT, PEOPLE_BOXES, QUIET

NAMES: dict[str, tuple[str, str]] = {
    "crowd": ("人员聚集", "Crowd"),
    "gathering": ("快速集结", "Gathering"),
    "running": ("奔跑", "Running"),
    "fall": ("人员倒地", "Fall"),
    "fight": ("打斗", "Fight"),
    "fire_smoke": ("烟火", "Fire or smoke"),
    "intrusion": ("区域入侵", "Intrusion"),
    "line_crossing": ("越线", "Line crossing"),
    "loitering": ("徘徊", "Loitering"),
    "abandoned_object": ("遗留物", "Abandoned object"),
    "removed_object": ("物品移走", "Removed object"),
    "stopped_vehicle": ("违停车辆", "Stopped vehicle"),
    "wrong_way": ("逆行", "Wrong way"),
    "camera_health": ("画面异常", "Camera health"),
    CROWD_COUNT: ("人数", "Head count"),
    PEOPLE_BOXES: ("人员定位", "People found"),
    QUIET: ("平静画面", "Quiet material"),
    "fire": ("明火", "fire"),
    "smoke": ("烟雾", "smoke"),
}


def chinese(what: str) -> str:
    """The Chinese name; the word itself for one without."""
    return NAMES.get(what, (what, what))[0]


def english(what: str) -> str:
    """The English name."""
    return NAMES.get(what, (what, what))[1]
