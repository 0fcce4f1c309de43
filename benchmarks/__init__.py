"""Measurements of the whole: each prints its figures, the targets they are held against, and one line that sums up."""
