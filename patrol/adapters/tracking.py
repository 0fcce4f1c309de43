"""Tracks by ByteTrack, of the library trackers (Apache-2.0); see docs/adr/013-events.md."""

from __future__ import annotations

import numpy as np

from patrol.domain.detections import Detections
from patrol.domain.scene import NO_TRACK
from patrol.domain.tracking import LOST_AFTER_S, TrackIds

BUFFER_FRAMES_A_SECOND = 30  # in which the library counts how long a lost track is kept
# Below this the detector is not sure of a box; it may still continue a track, but not begin one.
BEGINS_AT, SURE_AT = 0.4, 0.5
# At a few frames a second a walking person's boxes overlap little, and a running person's not at all: a quarter of a
# second later who runs at 4.5 m/s is 1.1 m farther on, and half as wide. So boxes are compared with so much of their
# size added on each side (Yang et al. 2023): enough for 5 m/s, before it is known how somebody moves.
LEAST_OVERLAP = 0.1
ADDED = 0.75


def import_tracking() -> None:
    """Import what trackers are made of, 0.6 s at best: before the tour, or the first focus would stop all visits."""
    import supervision  # noqa: F401
    import trackers  # noqa: F401


class ByteTracker:
    """A Tracker. Tracks are numbered from 0 for each one made; a box seen once has no track yet."""

    def __init__(self) -> None:
        from trackers import ByteTrackTracker
        from trackers.utils.iou import BIoU

        self._tracker = ByteTrackTracker(
            lost_track_buffer=int(LOST_AFTER_S * BUFFER_FRAMES_A_SECOND),
            track_activation_threshold=BEGINS_AT,
            high_conf_det_threshold=SURE_AT,
            minimum_consecutive_frames=1,
            minimum_iou_threshold=LEAST_OVERLAP,
            iou=BIoU(ADDED),
        )

    def update(self, at_s: float, detections: Detections) -> TrackIds:
        """See Tracker."""
        import supervision

        order = np.arange(len(detections), dtype=np.int64)
        boxes = supervision.Detections(
            xyxy=detections.xyxy.astype(np.float32),
            confidence=detections.confidence.astype(np.float32),
            class_id=detections.class_id.astype(int),
            data={"order": order},
        )
        followed = self._tracker.update(boxes, timestamp=at_s)
        track_id = np.full(len(detections), NO_TRACK, np.int64)
        if len(followed) and followed.tracker_id is not None:
            track_id[np.asarray(followed.data["order"], dtype=np.int64)] = followed.tracker_id
        return track_id
