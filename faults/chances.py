"""How often those outside do what is not as usual: units that decline or hear nothing, operators who meddle."""

from __future__ import annotations

import random

DECLINED, UNHEARD = 0.03, 0.03  # of the orders
UNHEARD_FOR_S = 25.0  # then it is heard after all: by then it was doubted, and another unit sent
# Of the incidents: no unit hears an order for so long, so that what is late is told all the way up.
DEAF, DEAF_FOR_S = 0.015, 38.0
# Of the handled incidents: nobody closes them for so long, so that people are reminded.
LEFT, LEFT_FOR_S = 0.05, 9.0
# Of the operators' looks at the room, in which they do that to one incident, where there is one.
MERGED_SHARE, LEVEL_SHARE, OVERRIDDEN_SHARE, ACKNOWLEDGED_SHARE, REOPENED_SHARE = 0.2, 0.1, 0.1, 0.4, 0.1


def luck(of: str) -> float:
    """The same for an order, or an incident, however often it comes and whoever asks."""
    return random.Random(of).random()
