"""The conditions, each on moving boxes."""
