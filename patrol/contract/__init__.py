"""The queue's contract in files, for consoles and terminals in any language: schemas, samples, an AsyncAPI document.

All are made of the classes that write the messages (patrol.domain.message_data); docs/contract/ holds what is made.
"""

from __future__ import annotations

from patrol.contract.files import contract_files

__all__ = ["contract_files"]
