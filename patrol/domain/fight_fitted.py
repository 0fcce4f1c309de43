"""What was learned of fights; written by ``make fit-fight``, not by hand."""

from __future__ import annotations

from patrol.domain.logistic import Fitted

FITTED = Fitted(weights={}, bias=0.0)
