"""The stretch: by how much all bounds are stretched while the tour cannot keep them."""

from __future__ import annotations

MOST = 100.0
FALLS_BY = 0.97  # at each review
WORTH_WEIGHING = 0.02


class Stretch:
    """1.0 unless the tour cannot keep up. It rises at once, is told once as it was, and then comes down slowly."""

    def __init__(self) -> None:
        self.factor = 1.0
        self._is_untold = False  # it rose since the last review
        self._weighed_by = 1.0

    def announce(self, share: float) -> None:
        """Some camera comes so late, as a share of its bound."""
        if share > self.factor:
            self.factor, self._is_untold = min(MOST, share), True

    def review(self, worst: float) -> bool:
        """Let it come down, not below the worst there is. Returns whether what is due must be ordered anew by it."""
        falls_to = self.factor if self._is_untold else self.factor * FALLS_BY
        self._is_untold = False
        self.factor = min(MOST, max(1.0, worst, falls_to))
        if abs(self.factor / self._weighed_by - 1.0) <= WORTH_WEIGHING:
            return False
        self._weighed_by = self.factor
        return True
