"""Troubles: why a camera is of no use at present. What technicians are told, in the words operators use."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum


class Trouble(StrEnum):
    """What is wrong with a camera."""

    UNSEEN = "unseen"  # no picture within its revisit bound, whatever the reason
    NO_SIGNAL = "no_signal"  # a recorder answers in its place, with an even or lettered picture
    FROZEN = "frozen"
    BLACK = "black"
    COVERED = "covered"
    OVER_EXPOSED = "over_exposed"
    DEFOCUSED = "defocused"
    MOVED = "moved"
    WRONG_PICTURE = "wrong_picture"  # another camera's view: no alert is made from it


BLINDING: tuple[Trouble, ...] = (
    Trouble.WRONG_PICTURE,
    Trouble.NO_SIGNAL,
    Trouble.BLACK,
    Trouble.COVERED,
    Trouble.FROZEN,
    Trouble.OVER_EXPOSED,
    Trouble.DEFOCUSED,
)
"""Those in which pictures come and nothing is seen in them, the gravest first: no alert is to be expected."""


def blinding(troubles: Collection[Trouble]) -> Trouble | None:
    """The gravest of them that blinds a camera, if one does."""
    return next((trouble for trouble in BLINDING if trouble in troubles), None)


WORDS: dict[Trouble, tuple[str, str]] = {
    Trouble.UNSEEN: ("看不到画面", "cannot be seen"),
    Trouble.NO_SIGNAL: ("无视频信号", "no signal"),
    Trouble.FROZEN: ("画面冻结", "frozen"),
    Trouble.BLACK: ("画面全黑", "black"),
    Trouble.COVERED: ("镜头被遮挡", "covered"),
    Trouble.OVER_EXPOSED: ("画面过曝", "over-exposed"),
    Trouble.DEFOCUSED: ("画面失焦", "defocused"),
    Trouble.MOVED: ("摄像机移位", "moved"),
    Trouble.WRONG_PICTURE: ("画面错位（非本点位）", "wrong picture"),
}
"""(Chinese, English) of each trouble."""
