"""The image-to-video models: which there are, and what each takes.

catalogue       the rules of each model, from the cache and the network
document_cache  fetched documents, in memory and on disk
entries         the list of models, searching it, and the built-in ones
schema          a model's schema document, normalized
model           one model and its request bodies
parameter       one parameter, what it takes and how a value breaks its rule
local_pictures  fields that take pictures
"""

from __future__ import annotations

from atlascloud_video_mcp.models.catalogue import Catalogue, Listing, ModelRules
from atlascloud_video_mcp.models.entries import CatalogEntry
from atlascloud_video_mcp.models.local_pictures import ANY_PICTURE, LocalPicture, local_pictures
from atlascloud_video_mcp.models.model import Model
from atlascloud_video_mcp.models.parameter import Parameter

__all__ = [
    "ANY_PICTURE",
    "CatalogEntry",
    "Catalogue",
    "Listing",
    "LocalPicture",
    "Model",
    "ModelRules",
    "Parameter",
    "local_pictures",
]
