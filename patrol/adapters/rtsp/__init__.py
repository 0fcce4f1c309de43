"""RTSP cameras, visited by a light client of our own (docs/adr/010-rtsp.md)."""
