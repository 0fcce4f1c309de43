"""What was learned of fights; written by ``make fit-fight``, not by hand.

From 88 clips of about 2 s, 59 of fights, at 4 pictures a second, with a penalty of 10.
Left out, neighbours together, 76% are told right at 0.5 (66% to 84% at 95%),
and the area under the curve is 0.82.
"""

from __future__ import annotations

from patrol.domain.logistic import Fitted, Weight

FITTED = Fitted(
    weights={
        "churn": Weight(mean=-0.8578, scale=0.7036, weight=0.568),
        "torn": Weight(mean=-0.872, scale=0.8787, weight=0.278),
        "jerk": Weight(mean=-3.073, scale=1.145, weight=0.251),
        "overlap": Weight(mean=0.04588, scale=0.07388, weight=0.327),
        "flicker": Weight(mean=0.662, scale=0.3792, weight=0.249),
    },
    bias=0.179,
)
