"""From when on a camera's picture is in trouble: the thresholds of camera_health.py, and what each was measured on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from patrol.domain.troubles import Trouble


@dataclass(frozen=True, slots=True)
class Confirmation:
    """How often, in a row, and for how long something must show before it is believed."""

    looks: int
    seconds: float = 0.0


def _raising() -> Mapping[Trouble, Confirmation]:
    return MappingProxyType(
        {
            Trouble.NO_SIGNAL: Confirmation(2, 5.0),
            Trouble.FROZEN: Confirmation(1),  # the run of equal pictures is its confirmation
            # With the second visit, but for a core camera's, which come sooner than a lorry has passed the lens,
            # headlights have turned away or an autofocus has found its focus. On 2,644 looks at whole cameras, and in
            # four lights more, nothing more was raised than with 3 or 4 looks in 20 or 60 s (evaluate_health.py).
            Trouble.BLACK: Confirmation(2, 10.0),
            Trouble.COVERED: Confirmation(2, 10.0),
            Trouble.OVER_EXPOSED: Confirmation(2, 10.0),
            Trouble.DEFOCUSED: Confirmation(2, 10.0),
            Trouble.MOVED: Confirmation(2, 10.0),
            Trouble.WRONG_PICTURE: Confirmation(2),  # one torn picture is distrusted, and not told
        }
    )


@dataclass(frozen=True, slots=True)
class HealthSettings:
    """Thresholds. Each figure was measured by ``benchmarks/evaluate_health.py`` on real fixed cameras' clips.

    ``same_scene``, ``same_parts``: two fields at least that alike on the whole, or in three of their twelve parts (of
    a place half hidden, or lit from elsewhere), are one place. Measured, on the whole and in parts: one camera's
    pictures, also of other days, 0.40 and 0.71 at the least; one corridor by lamp and by infrared 0.37 and 0.57;
    other cameras' pictures 0.32 and 0.46 at the most, with the same lettering burnt into all.
    ``hidden_scene``: a place known by some parts, and on the whole less alike than this, is covered for the most part;
    ``judged_scene``: so much of it must be there for its sharpness to be judged.
    ``steady_view``: two looks that alike show one new view. ``sure_scene``: below it, it is worth asking whether the
    scene lies shifted, or whether this is a new light to be remembered. ``shifted_scene``, ``shift_gain``: how alike
    the best shift must be (other cameras' pictures: 0.35 at the most), and by how much better than none.

    ``flat``: a share of pixels of one grey with their neighbours that no lens gives (real pictures: 0.21 at most).
    ``black_level``: 95% of the picture below. ``white``, ``white_gain``: the share burnt out, and the part of it that
    is new. ``lost_detail``: what is left, of the usual cells with structure, when a lens is covered; ``least_detail``:
    the same before any are usual. ``poor_detail``: what is left of them in a strange view that is taken for a cover
    (paint, a bag, a wall).
    ``blur``: what is left of the usual sharpness (undegraded: 0.69 at the least; a Gaussian blur of 3 pixels in 640:
    0.47 at the 95th percentile, with lettering and noise of full sharpness on top). ``veiled``: the sharpness itself,
    below which a strange picture is something before the lens, not another camera's (the softest camera's: 0.64).

    ``frozen_looks``, ``frozen_s``: pictures equal in every pixel, that long: longer than the longest usual distance
    of key frames (30 s), as some servers answer with the last key frame they hold. A sensor's noise never repeats;
    a drawn source does (switch both off for it with ``math.inf``). ``alike_looks``, ``alike_s``: a recorder that
    encodes its last picture again and again changes pixels, but no 20 x 20 patch by more than one grey level in
    half an hour; a clock burnt in, daylight or anybody passing does.

    ``settle_looks``: looks that agree before a scene is known; ``light_looks``: before it is known in one more light.
    ``moved_after_s``: a strange view this long is a moved camera. ``shared_view``: other cameras show the same, so it
    is not asked whether a picture is theirs. ``max_scenes``: lights remembered. ``follow``: how far a scene's memory
    moves with a look, in 127ths: a running median, so that who walks through leaves no trace (sigma-delta background
    estimation, Manzanera and Richefeu 2004).
    """

    same_scene: float = 0.33
    same_parts: float = 0.50
    hidden_scene: float = 0.25
    judged_scene: float = 0.45
    steady_view: float = 0.45
    sure_scene: float = 0.60
    shifted_scene: float = 0.50
    shift_gain: float = 0.20
    flat: float = 0.80
    black_level: int = 24
    white: float = 0.50
    white_gain: float = 0.25
    lost_detail: float = 0.35
    least_detail: float = 0.03
    poor_detail: float = 0.70
    blur: float = 0.58
    veiled: float = 0.30
    frozen_looks: int = 5
    frozen_s: float = 60.0
    alike_looks: int = 30
    alike_s: float = 1800.0
    settle_looks: int = 3
    light_looks: int = 5
    moved_after_s: float = 60.0
    shared_view: bool = False
    max_scenes: int = 3
    follow: int = 2
    raising: Mapping[Trouble, Confirmation] = field(default_factory=_raising)
    clearing: Confirmation = Confirmation(2, 5.0)


DEFAULT = HealthSettings()
