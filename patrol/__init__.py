"""Patrol: tours every camera on a guaranteed schedule and follows each order until feedback closes it."""

__version__ = "0.1.0"
