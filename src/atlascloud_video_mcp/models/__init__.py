"""The image-to-video models: which there are, and what each takes.

catalogue  what is at hand, what the network adds      shelf      documents, in memory and on disk
offers     the list of models, and searching it        schema     what a schema document says
model      what one model takes, and its requests      parameter  what one parameter takes, in words
family     the models known without the network        faults     what is wrong with a value
limits     what descriptions say about pictures
local_pictures  those that parameters name
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
