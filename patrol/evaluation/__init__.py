"""Evaluation: how well events are seen, on recorded pictures of which somebody said what is true.

``truth`` reads what is true, ``playing`` shows it to the same detector and rules as live, ``scoring``, ``counting`` and
``boxes`` are pure arithmetic, ``results`` holds all figures, ``targets`` what they are held against, ``page`` and
``tables`` are for people.
"""
