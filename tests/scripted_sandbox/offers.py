"""Further models on offer: inventions, of the shapes that published schemas have."""

from __future__ import annotations

from decimal import Decimal

from atlascloud_sandbox.models import Model, Price
from atlascloud_sandbox.offers import HAILUO, IMAGE, PROMPT

from .fields import SEED, choice, flag, number, optional, several, text, whole

# Each brings shapes the others do not have; what is special stands first.
INVENTED = (
    # `image_url`; a duration that is a choice of texts; a fraction; a required prompt.
    Model(
        id="lantern/lantern-2/image-to-video",
        name="Lantern 2 Image to Video",
        price=Price(usd=Decimal("0.35"), unit="generation", dearer={"duration": {"10": Decimal(2)}}),
        properties={
            "image_url": text("The picture the clip starts from", format="uri"),
            "prompt": text("What happens", maxLength=2500),
            "negative_prompt": text("What shall not be seen", maxLength=500),
            "duration": choice("Seconds", ("5", "10"), default="5"),
            "aspect_ratio": choice("Shape of the clip", ("16:9", "9:16", "1:1"), default="16:9"),
            "cfg_scale": number("How closely to follow the prompt", minimum=0, maximum=1, default=0.5),
        },
        required=("image_url", "prompt"),
        pictures=("image_url",),
        seconds_plain=5,
        categories=("IMAGE-TO-VIDEO",),
    ),
    # `first_frame_image`, and a last one that may be null; a range of durations; a `$ref`; a price by resolution.
    Model(
        id="meridian/frames-1/image-to-video",
        name="Meridian Frames 1",
        price=Price(
            usd=Decimal("0.02"),
            dearer={"resolution": {"480p": Decimal("0.5"), "1080p": Decimal("2.5")}},
            discount=80,
        ),
        properties={
            "prompt": text("What happens between the frames"),
            "first_frame_image": text("First frame", format="uri"),
            "last_frame_image": text("Last frame", format="uri", nullable=True),
            "duration": whole("Seconds", minimum=4, maximum=12, default=5),
            "resolution": {"$ref": "#/components/schemas/Resolution", "default": "720p"},
            "seed": SEED,
            "camera_fixed": flag("Keep the camera still", default=False),
        },
        required=("first_frame_image",),
        pictures=("first_frame_image", "last_frame_image"),
        shared={"Resolution": {"type": "string", "title": "Resolution", "enum": ["480p", "720p", "1080p"]}},
        seconds_plain=5,
        categories=("Video", "image_to_video"),
    ),
    # A list of pictures; a duration that may be null, and then the model chooses; told by its tags alone.
    Model(
        id="meridian/reference-1/reference-to-video",
        name="Meridian Reference 1",
        price=Price(usd=Decimal("0.04")),
        properties={
            "images": several("What the clip shall show, the first picture first", 1, 4),
            "prompt": text("What happens", maxLength=1500),
            "duration": optional(whole("Seconds; left out, the model chooses", minimum=2, maximum=8), default=None),
            "seed": optional(whole("Same seed, same clip", minimum=0, maximum=4294967295)),
        },
        required=("images", "prompt"),
        pictures=("images",),
        seconds_plain=4,
        chooses_seconds=True,
        categories=(),
        tags=("NEW", "IMAGE_TO_VIDEO"),
    ),
    # Fields the caller must not need: hidden, disabled, required with a default. The document names a wrong path.
    Model(
        id="tidal/tidal-3-pro/image-to-video",
        name="Tidal 3 Pro Image to Video",
        price=Price(usd=Decimal("3.2"), unit="generation"),
        properties={
            "image": IMAGE,
            "prompt": PROMPT,
            "resolution": choice("Short side", ("720p", "1080p", "4k"), default="1080p"),
            "generate_audio": flag("Sound beside the picture", default=True),
            "provider": choice("Where it runs", ("one", "two"), default="one", hidden=True),
            "watermark": flag("Not on offer", default=True, disabled=True),
        },
        required=("image", "resolution", "provider"),
        pictures=("image",),
        seconds_plain=8,
        path="/api/v1/model/generateImage",
        categories=("Image-to-Video", "Text-to-Video"),
    ),
    # No order of properties; every optional field a union with null.
    Model(
        id="tidal/tidal-3-mini/image-to-video",
        name="Tidal 3 Mini Image to Video",
        price=Price(usd=Decimal("0.02"), unit="generation"),
        properties={
            "seed": optional(whole("Same seed, same clip", minimum=0, maximum=65535), title="Seed"),
            "image": text("Picture", title="Image"),
            "prompt": optional(text("The motion to add", maxLength=800), title="Prompt"),
            "fps": optional(whole("Frames a second", enum=[16, 24]), title="Fps", default=24),
        },
        required=("image",),
        pictures=("image",),
        seconds_plain=5,
        ordered=False,
    ),
    # Neither category nor tag tells what it does, only the schema; one picture or a list; a price without a unit.
    Model(
        id="orchard/still-life-1",
        name="Orchard Still Life 1",
        price=Price(usd=Decimal("0.2"), unit=None),
        properties={
            "prompt": PROMPT,
            "image": {"anyOf": [IMAGE, several("Up to two pictures", 1, 2)], "description": "One picture, or two"},
            "motion": number("How much moves", minimum=0.1, maximum=10, default=1.0),
            "loop": flag("End as it begins", default=False),
        },
        required=("prompt", "image"),
        pictures=("image",),
        seconds_plain=4,
        categories=("Video",),
        tags=(),
    ),
)

# What no picture is animated with: other inputs, other outputs, and a model that is not shown.
OTHERS = (
    Model(
        id="meridian/frames-1/text-to-video",
        name="Meridian Frames 1 Text to Video",
        price=Price(usd=Decimal("0.02")),
        properties={"prompt": PROMPT, "duration": whole("Seconds", minimum=4, maximum=12, default=5)},
        required=("prompt",),
        seconds_plain=5,
        categories=("Text-to-Video",),
    ),
    Model(
        id="tidal/upscale-1/video-to-video",
        name="Tidal Upscale 1",
        price=Price(usd=Decimal("0.01")),
        properties={"video": text("The clip to make larger", format="uri")},
        required=("video",),
        categories=("Video-to-Video",),
    ),
    Model(
        id="lantern/paint-1/text-to-image",
        name="Lantern Paint 1",
        price=Price(usd=Decimal("0.01"), unit="image"),
        properties={"prompt": PROMPT, "size": text("Width and height", default="1024*1024")},
        required=("prompt",),
        type="Image",
        path="/api/v1/model/generateImage",
        categories=("Text-to-Image",),
    ),
    Model(
        id="lantern/paint-1/edit",
        name="Lantern Paint 1 Edit",
        price=Price(usd=Decimal("0.03"), unit="image"),
        properties={"images": several("The pictures to change", 1, 3), "prompt": PROMPT},
        required=("images", "prompt"),
        pictures=("images",),
        type="Image",
        path="/api/v1/model/generateImage",
        categories=("Image-to-Image",),
    ),
    Model(
        id="tidal/tidal-4-preview/image-to-video",
        name="Tidal 4 Preview",
        price=Price(usd=Decimal("0.5")),
        properties={"image": IMAGE, "prompt": PROMPT},
        required=("image",),
        pictures=("image",),
        shown=False,
    ),
)

MODELS = {model.id: model for model in (*OTHERS[:2], *HAILUO, *INVENTED, *OTHERS[2:])}
