"""Conformance: whether somebody else's console or terminal keeps the queue's contract, found out by doing."""

from __future__ import annotations

from patrol.conformance.bench import Bench, StartedConsole, Task
from patrol.conformance.checks import CHECKS, Check, Result, Verdict, run_checks

__all__ = ["CHECKS", "Bench", "Check", "Result", "StartedConsole", "Task", "Verdict", "run_checks"]
