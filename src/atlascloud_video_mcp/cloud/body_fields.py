"""What a request body says, whatever its model calls the fields.

Source: the names in Atlas Cloud's public ComfyUI nodes, which were generated from the models' schemas.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from atlascloud_video_mcp.text import Link

if TYPE_CHECKING:
    from collections.abc import Mapping

PROMPT_FIELDS = ("prompt", "text_prompt", "positive_prompt")
DURATION_FIELDS = ("duration", "duration_seconds", "video_duration", "seconds", "video_length")

_PICTURES = frozenset({"image", "images", "img", "imgs", "picture", "pictures", "photo", "photos"})
_FRAMES = frozenset({"frame", "frames"})
_FIRST = frozenset({"first", "start", "init", "initial", "source", "input"})
_FORMS = frozenset({"url", "urls", "uri", "uris", "link", "links", "list", "base64"})
_REFERENCES = frozenset({"reference", "references", "ref", "refs", "subject", "subjects"})
_OTHER_ROLES = frozenset({"last", "end", "tail", "final", "mask", "control", "background", "negative", "style"})
_OTHER_THINGS = frozenset(
    {"size", "count", "num", "number", "ratio", "format", "quality", "strength", "weight", "noise", "scale", "guidance"}
    | {"width", "height", "rate", "per", "resolution", "output", "id", "ids", "type", "mode", "fps", "seed", "prompt"}
)


_USUAL = frozenset(
    {"width", "height", "size", "fps", "frame_rate", "framerate", "frames", "num_frames", "frame_count", "seed"}
    | {"resolution", "quality", "mode", "style", "aspect_ratio", "ratio", "negative_prompt", "loop", "strength"}
    | {"cfg", "cfg_scale", "guidance", "guidance_scale", "steps", "num_inference_steps", "scheduler", "sampler"}
    | {"motion", "motion_strength", "motion_mode", "motion_bucket_id", "movement_amplitude", "camera"}
    | {"camera_motion", "camera_movement", "camera_control", "camera_fixed", "fixed_camera", "shot_type"}
    | {"audio", "audio_url", "generate_audio", "enable_audio", "sound", "with_audio", "bgm", "voice", "video"}
    | {"watermark", "lora", "loras", "prompt_optimizer", "prompt_expansion", "prompt_extend", "enhance_prompt"}
    | {"expand_prompt", "go_fast", "fast", "turbo", "fast_pretreatment", "safety_checker", "enable_safety_checker"}
    | {"safety_tolerance", "length", "n", "num_videos", "num_outputs", "number_of_videos", "batch_size"}
    | {"output_format", "webhook_url", "callback_url", "mask", "end_frame", "tail", "template", "effect"}
    | {*PROMPT_FIELDS, *DURATION_FIELDS}
)


def is_usual(name: str) -> bool:
    """Whether models that make clips usually call a parameter so, in whatever spelling."""
    return "_".join(_words(name)) in _USUAL or takes_a_picture(name)


def _words(name: str) -> list[str]:
    return [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+|\d+", name)]


def takes_a_picture(name: str) -> bool:
    """Whether a field of this name takes a picture, of whatever role in the clip."""
    words = set(_words(name))
    shows = words & _PICTURES or (words & _FRAMES and words & (_FIRST | _OTHER_ROLES))
    return bool(shows) and not words & _OTHER_THINGS


def picture_rank(name: str) -> int | None:
    """How likely a field of this name takes the picture that a clip starts from, 0 above all; None: it does not."""
    words = set(_words(name))
    if words & _OTHER_ROLES or not takes_a_picture(name):
        return None
    if name == "image":
        return 0
    if words <= _PICTURES | _FRAMES | _FIRST | _FORMS:
        return 1
    return 2 if words & _REFERENCES else 3


def picture_of(body: Mapping[str, object]) -> Link | None:
    """The web address of the picture that a body of others most likely has animated."""
    ranked = [(rank, value) for name, value in body.items() if (rank := picture_rank(name)) is not None]
    links = (_link(value) for _, value in sorted(ranked, key=lambda pair: pair[0]))
    return next((link for link in links if link), None)


def animated_in(body: Mapping[str, object]) -> Link | None:
    """The web address of the picture that is animated by a body of ours, where it comes last."""
    links = (_link(value) for name, value in reversed(list(body.items())) if picture_rank(name) is not None)
    return next((link for link in links if link), None)


def prompt_of(body: Mapping[str, object]) -> str | None:
    """The motion asked for."""
    value = next((body[name] for name in PROMPT_FIELDS if body.get(name)), None)
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return value if isinstance(value, str) else None


def duration_of(body: Mapping[str, object]) -> int | None:
    """The seconds of video asked for, which some models take as text."""
    value = next((body[name] for name in DURATION_FIELDS if body.get(name) is not None), None)
    seconds = seconds_in(value)
    return int(seconds) if seconds is not None and seconds.is_integer() else None


def seconds_in(value: object) -> float | None:
    """The number in one of a model's values for the duration: 5, 5.0, "5", "5s"."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    found = re.fullmatch(r"\s*(\d{1,4}(?:\.\d{1,3})?)\s*(?:s|sec|secs|seconds)?\s*", str(value), re.IGNORECASE)
    return float(found[1]) if found else None


def without_links_to_this_machine(body: Mapping[str, object]) -> dict[str, object]:
    """A body of an API that is elsewhere: http links in it lead to nothing of ours."""
    return {name: value for name, value in body.items() if (link := _link(value)) is None or link.startswith("https:")}


def _link(value: object) -> Link | None:
    items = value if isinstance(value, list) else [value]
    return next((link for item in items if (link := Link.of(item))), None)
