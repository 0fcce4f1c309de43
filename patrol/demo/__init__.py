"""The demo: simulated cameras, units and operators, marked as simulated everywhere. Never part of `patrol run`."""
