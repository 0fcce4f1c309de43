"""Nouns and decisions. Pure: no clock, no I/O, no asyncio."""
