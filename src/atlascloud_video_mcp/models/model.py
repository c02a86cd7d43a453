"""A model: what it takes, and the request body for a call."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Self

from atlascloud_video_mcp.cloud.body_fields import DURATION_FIELDS, PROMPT_FIELDS, picture_rank
from atlascloud_video_mcp.errors import InvalidRequest
from atlascloud_video_mcp.media.pictures import PictureRules
from atlascloud_video_mcp.models.local_pictures import picture_rules, takes_pictures
from atlascloud_video_mcp.models.parameter import Parameter, shown
from atlascloud_video_mcp.models.schema import Malformed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_EXPANSION = "enable_prompt_expansion"
_MOST_UNKNOWN = 10  # explained one by one


@dataclass(frozen=True)
class Model:
    """A model that makes a clip from a picture."""

    id: str
    takes: Mapping[str, Parameter]
    """Its parameters by name, in order of display."""
    picture: Parameter
    """The parameter for the picture that the clip starts from."""
    pictures: PictureRules = field(default_factory=PictureRules)

    @classmethod
    def of(cls, model_id: str, schema: Mapping[str, Any], base: Model | None = None) -> Self:
        """Build a model from its normalized schema; `base` adds what is known beyond it.

        Raises:
            Malformed: It takes no picture.
        """
        rules = {name: rule for name, rule in schema["properties"].items() if name != "model"}
        for name, known in base.takes.items() if base else ():
            if "maxLength" in known.rule and name in rules:
                rules[name] = {"maxLength": known.rule["maxLength"], **rules[name]}
        takes = {name: Parameter(name, rule, name in schema["required"]) for name, rule in rules.items()}
        pictures = [parameter for parameter in takes.values() if _takes_first_frame(parameter)]
        if not pictures:
            raise Malformed("it takes no picture")
        picture = min(pictures, key=lambda parameter: (not parameter.is_required, picture_rank(parameter.name)))
        return cls(model_id, takes, picture, picture_rules(picture.description, PictureRules()))

    @property
    def defaults(self) -> dict[str, object]:
        """Its parameters and their defaults; None where the schema names no default."""
        return {name: parameter.default for name, parameter in self.takes.items()}

    @property
    def offered(self) -> list[Parameter]:
        """What callers may set, beside the picture."""
        return [each for each in self.takes.values() if each.is_offered and each is not self.picture]

    def with_picture(self, request: Mapping[str, Any], url: str) -> dict[str, Any]:
        """The request with the picture's URL in the model's field."""
        return {**request, self.picture.name: self._picture_value(url)}

    def request(
        self,
        *,
        prompt: str | None = None,
        duration: int | None = None,
        enable_prompt_expansion: bool | None = None,
        parameters: Mapping[str, object] | None = None,
        serves: Callable[[str], bool] = lambda _: False,
    ) -> dict[str, Any]:
        """The body of a submission without the picture: what was asked for, and no default of a schema.

        Args:
            prompt: The motion to add.
            duration: Seconds of video.
            enable_prompt_expansion: Whether the model may rewrite the prompt.
            parameters: Further parameters by name; None counts as left out.
            serves: Whether the API can read an address that is not https.

        Raises:
            InvalidRequest: The model would refuse it; the message names every violation.
        """
        arguments = {"prompt": prompt or None, "duration": duration, _EXPANSION: enable_prompt_expansion}
        further = {name: value for name, value in (parameters or {}).items() if value is not None}
        if not _is_json([arguments, further]):
            raise InvalidRequest(
                "Nothing was sent or paid. It holds what JSON cannot represent: NaN, infinity, broken text."
            )
        body, found = self._named(arguments, further)
        found += [violation for name, value in body.items() for violation in self._violations(name, value, serves)]
        found += [f"{each.name} is missing: {self.id} takes {self._in_words(each)}" for each in self._missing(body)]
        if found:
            raise InvalidRequest(f"Nothing was sent or paid. {'; '.join(found)}.")
        return {"model": self.id, **body}

    def _named(
        self, arguments: Mapping[str, object], further: Mapping[str, object]
    ) -> tuple[dict[str, Any], list[str]]:
        """What was asked for, in the model's names and spelling, and the violations among the names."""
        body: dict[str, Any] = {}
        found = []
        for argument, value in arguments.items():
            parameter = self._parameter_for(argument)
            if value is None:
                continue
            if parameter is None:
                found.append(f"{argument} is {shown(value)}: {self.id} takes no {argument}: leave it out")
            elif parameter.name in further:
                found.append(f"{parameter.name} is given twice, as an argument and in parameters: keep one")
            else:
                body[parameter.name] = parameter.read([value] if parameter.kinds == ["array"] else value)
        unknown_parameters = [name for name in further if name not in {each.name for each in self.offered}]
        found += [self._explain_unknown(name) for name in unknown_parameters[:_MOST_UNKNOWN]]
        if any(not self._is_ours(name) for name in unknown_parameters):
            found.append(f"{self.id} takes {', '.join(each.name for each in self.offered)}")
        body |= {
            name: self.takes[name].read(value) for name, value in further.items() if name not in unknown_parameters
        }
        return body, found

    def _parameter_for(self, argument: str) -> Parameter | None:
        names = {"prompt": PROMPT_FIELDS, "duration": DURATION_FIELDS}.get(argument, (argument,))
        offered = {each.name: each for each in self.offered}
        return next((offered[name] for name in names if name in offered), None)

    def _is_ours(self, name: str) -> bool:
        return name in {"model", "image", self.picture.name}

    def _explain_unknown(self, name: str) -> str:
        if self._is_ours(name):
            argument = "model" if name == "model" else "image"
            return f"{name} is among the parameters: give it as the argument {argument}"
        meant = get_close_matches(name, [each.name for each in self.offered], n=1)
        guess = f" (did you mean {meant[0]}?)" if meant else ""
        return f"{name if name.isidentifier() else shown(name)} is unknown to {self.id}{guess}"

    def _violations(self, name: str, value: object, serves: Callable[[str], bool]) -> Iterator[str]:
        parameter = self.takes[name]
        for violation in parameter.violations(value):
            yield f"{violation}: {self.id} takes {self._in_words(parameter)}"
        if takes_pictures(parameter) or parameter.rule.get("format") == "uri":
            for address in value if isinstance(value, list) else [value]:
                if isinstance(address, str) and not (address.startswith("https://") or serves(address)):
                    yield f"{name} is {shown(address)}: it takes an https URL, which upload_image gives"

    def _in_words(self, parameter: Parameter) -> str:
        return f"{parameter.takes}{' seconds' if parameter.values and parameter.name in DURATION_FIELDS else ''}"

    def _missing(self, body: Mapping[str, object]) -> list[Parameter]:
        """Required parameters without a default that were not given."""
        return [each for each in self.offered if each.must_be_given and each.name not in body]

    def _picture_value(self, url: str) -> str | list[str]:
        kinds = self.picture.kinds
        return [url] if "array" in kinds and "string" not in kinds else url


def _takes_first_frame(parameter: Parameter) -> bool:
    kinds = parameter.kinds
    of_its_type = not kinds or "string" in kinds or ("array" in kinds and parameter.rule.get("minItems", 0) <= 1)
    return of_its_type and not parameter.values and picture_rank(parameter.name) is not None


def _is_json(value: object) -> bool:
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        return False
    return True
