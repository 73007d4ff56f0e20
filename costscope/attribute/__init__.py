"""Call → parts: which segment of a call spent which tokens. Money and storage are elsewhere."""

from costscope.attribute.batch import Batch, Tables

__all__ = ["Batch", "Tables"]
