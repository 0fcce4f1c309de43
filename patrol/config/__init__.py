"""Configuration: a YAML file and the environment in, frozen domain values out.

`load` is the only door; pydantic stays behind it. Everything wrong with a file is told at once.
"""

from patrol.config.loading import load
from patrol.config.models import json_schema, schema_text
from patrol.config.settings import Configuration, DetectorSettings, Precision, Site, SiteKind, WebSettings

__all__ = [
    "Configuration",
    "DetectorSettings",
    "Precision",
    "Site",
    "SiteKind",
    "WebSettings",
    "json_schema",
    "load",
    "schema_text",
]
