"""Values put into and taken out of JSON, TOML and YAML, with everything else left as a person wrote it."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest
import tomlkit
from hypothesis import given
from hypothesis import strategies as some

from atlascloud_video_mcp.cli.install.config_file import CannotInstall, InvalidText
from atlascloud_video_mcp.cli.install.formats import JSON, JSONC, TOML, YAML, Format

KEYS = ("servers", "ours")
OURS = {"command": "/a: b", "args": [], "env": {"K": "v"}, "timeout": 600}
ONE_LINE = '"ours": {"command": "/a: b", "args": [], "env": {"K": "v"}, "timeout": 600}'


def there_and_back(form: Format, text: str) -> tuple[str, str]:
    with_ours = form.with_value(text, KEYS, OURS)
    return with_ours, form.without(with_ours, KEYS)


@pytest.mark.parametrize(
    "text",
    [
        '{"servers": {"a": 1}}',
        '{"servers":{"a":[1,2],"b":null},"z":"\\u00e9"}',
        '{\n\t"servers": {\n\t\t"a": {"b": 1}\n\t}\n}',
        '{\n    "servers": {\n        "a": 1 // last\n        // the end\n    }, "z": 1 }\n',
        '{ "servers": {\n "a": 1 } }',
        '{\r\n  "servers": {\r\n    "a": 1,\r\n  },\r\n}\r\n',
        '{"servers": {"a": 1,}}',
        '{\n  "servers": {\n    // nothing yet\n  }\n}',
        '{\n  "servers": {"a": 1, "b": 2}\n}',
        '{\n  "servers": {\n    "a": 1, "b": 2 /* two\n    lines */\n  }\n}',
        '/* servers */ {"a": "// no comment", "servers": {"a\\"b": "/* no comment */"}}',
        '{\n  "a": 1,\n  "a": 2,\n  "servers": {\n    "x": 0\n  }\n}',
    ],
)
def test_json_of_any_style_is_the_same_after_ours_has_come_and_gone(text: str) -> None:
    with_ours, without = there_and_back(JSONC, text)

    assert without == text
    assert JSONC.read(with_ours)["servers"]["ours"] == OURS
    assert list(JSONC.read(with_ours)["servers"])[-1] == "ours"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": 1}', f'{{"a": 1, "servers": {{{ONE_LINE}}}}}'),
        ('{"a":1}', '{"a":1,"servers":{"ours":{"command":"/a: b","args":[],"env":{"K":"v"},"timeout":600}}}'),
        ('{"servers": {}, "z": 1}', f'{{"servers": {{{ONE_LINE}}}, "z": 1}}'),
        ('{"servers": null}', f'{{"servers": {{{ONE_LINE}}}}}'),
        ('{"servers": {"ours": 3}}', f'{{"servers": {{{ONE_LINE}}}}}'),
        ('{"servers": {"ours": {"command": "x"}, "z": 1}}', f'{{"servers": {{{ONE_LINE}, "z": 1}}}}'),
    ],
)
def test_json_on_one_line_stays_on_one_line(text: str, expected: str) -> None:
    assert JSON.with_value(text, KEYS, OURS) == expected


def test_json_is_indented_as_the_file_is() -> None:
    text = '{\n   "a": [\n   ],\n   "servers": {\n   }\n}\n'

    assert JSON.with_value(text, KEYS, {"env": {"K": "v"}}) == (
        '{\n   "a": [\n   ],\n   "servers": {\n      "ours": {\n         "env": {\n            "K": "v"\n'
        "         }\n      }\n   }\n}\n"
    )


@pytest.mark.parametrize("text", ["", " \n", "{}", "// settings of mine\n", "/* none */"])
def test_a_json_file_with_nothing_in_it_gets_the_usual_style(text: str) -> None:
    expected = '{\n  "servers": {\n    "ours": {\n      "a": 1\n    }\n  }\n}'

    assert JSONC.with_value(text, KEYS, {"a": 1}).strip().endswith(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"servers": {"ours": 1, "b": 2}}', '{"servers": {"b": 2}}'),
        ('{"servers": {"a": 1, "ours": 1, "b": 2}}', '{"servers": {"a": 1, "b": 2}}'),
        ('{"servers": {"a": 1, "ours": 1,}}', '{"servers": {"a": 1,}}'),
        ('{"servers": {"ours": 1}}', '{"servers": {}}'),
        ('{"servers": {"ours": 1, /* kept */ }}', '{"servers": { /* kept */ }}'),
        ('{\n "servers": {\n  // of b\n  "b": 1,\n  "ours": 1, // of ours\n  "c": 2\n }\n}',
         '{\n "servers": {\n  // of b\n  "b": 1,\n  "c": 2\n }\n}'),
        ('{\n "servers": {\n  "ours": 1\n }\n}', '{\n "servers": {}\n}'),
        ('{\n "servers": { "a": 1,\n  "ours": 1 }\n}', '{\n "servers": { "a": 1 }\n}'),
    ],
)  # fmt: skip
def test_ours_is_cut_from_json_with_the_comma_that_was_its_own(text: str, expected: str) -> None:
    assert JSONC.without(text, KEYS) == expected


def test_an_array_of_json_gets_an_element_at_its_end_and_loses_it_again() -> None:
    text = '{\n  "inputs": [\n    {"id": "a"}, // first\n  ]\n}\n'

    longer = JSONC.with_value(text, ("inputs", 1), {"id": "b"})

    assert longer == '{\n  "inputs": [\n    {"id": "a"}, // first\n    {\n      "id": "b"\n    },\n  ]\n}\n'
    assert JSONC.with_value(longer, ("inputs", 1), {"id": "c"}) == longer.replace('"b"', '"c"')
    assert JSONC.with_value(longer, ("inputs", 1, "id"), "c") == longer.replace('"b"', '"c"')
    assert JSONC.without(longer, ("inputs", 1)) == text
    assert JSONC.read(JSONC.without(longer, ("inputs", 1, "id")))["inputs"] == [{"id": "a"}, {}]
    assert JSONC.read(JSONC.with_value("{}", ("inputs", 0), 1)) == {"inputs": [1]}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "line 1, column 2"),
        ('{"a" 1}', "expected a colon"),
        ("{'a': 1}", "expected a key in double quotes"),
        ('{\n"a": 1\n"b": 2}', "line 3, column 1: expected a comma or }"),
        ('{"a": tru}', "line 1, column 7"),
        ("{} {}", "expected the end of the file"),
        ("{,}", "expected a key in double quotes"),
        ("[1, , 2]", "line 1, column 5"),
        ("{} /* no end", "expected the end of the file"),
        ("[" * 100_000, "nested too deep"),
        ("[1]", "expected an object"),
        ('{"a": "\n"}', "line 1, column 8"),
    ],
)
def test_what_is_no_json_is_told_with_its_place(text: str, said: str) -> None:
    with pytest.raises(InvalidText, match=said):
        JSONC.read(text)


@pytest.mark.parametrize(
    ("text", "said"), [('{"a": 1,}', "line 1, column"), ("// c\n{}", "line 1, column 1"), ("[" * 100_000, "too deep")]
)
def test_strict_json_takes_no_comments_and_no_commas_too_many(text: str, said: str) -> None:
    with pytest.raises(InvalidText, match=said):
        JSON.read(text)


NAMES = some.text(max_size=4)
DATA = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats(allow_nan=False) | some.text(max_size=6),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)


@given(
    data=some.dictionaries(NAMES, DATA, max_size=3),
    others=some.dictionaries(NAMES.filter(lambda name: name != "ours"), DATA, min_size=1, max_size=3),
    indent=some.sampled_from([None, 1, 4, "\t"]),
    ascii_only=some.booleans(),
    newline=some.sampled_from(["\n", "\r\n"]),
)
def test_any_json_keeps_its_data_and_its_bytes(
    data: dict[str, Any],
    others: dict[str, Any],
    indent: int | str | None,
    ascii_only: bool,  # noqa: FBT001
    newline: str,
) -> None:
    data = data | {"servers": others}
    text = json.dumps(data, indent=indent, ensure_ascii=ascii_only).replace("\n", newline)

    with_ours, without = there_and_back(JSON, text)

    assert without == text
    assert json.dumps(json.loads(with_ours)) == json.dumps(data | {"servers": others | {"ours": OURS}})
    assert JSONC.read(text) == data


@given(text=some.text(alphabet='{}[]",:/*\n \\a1', max_size=20))
def test_no_text_whatever_makes_the_json_reader_stumble(text: str) -> None:
    try:
        data = JSONC.read(text)
        changed = JSONC.with_value(text, KEYS, OURS)
    except CannotInstall:
        return
    assert JSONC.read(changed) == data | {"servers": {**(data.get("servers") or {}), "ours": OURS}}


TOMLS = [
    'model = "x"\n\n[servers.a]\ncommand = "y" # why\n\n# projects\n[projects."/a"]\ntrusted = true\n',
    "[servers]\na = {b = 1}\n\n[[list]]\nx = [\n  1,\n  [2],\n]\n",
    "a = 1\r\n\r\n[servers.a]\r\nb = 2\r\n",
    "# nothing but a comment\n",
    "",
]
ODD_TOML = '[servers.ours.env.deep]\nk = 1\n[servers.ours.env]\nK = "v"\n'


@pytest.mark.parametrize("text", TOMLS)
def test_toml_is_the_same_after_ours_has_come_and_gone(text: str) -> None:
    with_ours, without = there_and_back(TOML, text)

    assert without == text
    assert with_ours.startswith(text)
    assert tomllib.loads(with_ours)["servers"]["ours"] == OURS
    assert ("\r\n" in with_ours) == ("\r\n" in text)


@pytest.mark.parametrize(
    "text",
    [
        "servers = {}\nz = 1\n",
        'servers = {a = {b = 1}} # all of them\n[other]\nc = "d"\n',
        "servers.a.b = 1\n",
        'a = """\n[servers.ours]\n"""\n',
        "a = 1",
        "[servers.a]\nb = 1\n[other]\nc = 2\n[servers.d]\ne = 3\n",
    ],
)
def test_toml_written_otherwise_keeps_its_data(text: str) -> None:
    data = tomllib.loads(text)

    with_ours, without = there_and_back(TOML, text)

    assert tomllib.loads(with_ours) == data | {"servers": data.get("servers", {}) | {"ours": OURS}}
    assert tomllib.loads(without) in (data, data | {"servers": {}})


def test_comments_after_ours_in_toml_belong_to_what_follows() -> None:
    ours = "[servers.ours]\na = 1\n\n[servers.ours.env]\nK = 'v'\n"

    assert TOML.without(f"a = 1\n\n{ours}\n# about z\n[z]\nb = 2\n", KEYS) == "a = 1\n\n# about z\n[z]\nb = 2\n"


def test_toml_that_cannot_be_changed_is_refused() -> None:
    with pytest.raises(CannotInstall, match="its TOML cannot be edited"):
        TOML.with_value(ODD_TOML, KEYS, OURS | {"env": {"K": "w"}})


def test_toml_is_renewed_in_place_with_the_comments_in_it() -> None:
    text = TOML.with_value(TOMLS[0], KEYS, OURS).replace("timeout = 600", "timeout = 600 # long")
    text += "\n[after]\nall = true\n"

    renewed = TOML.with_value(text, KEYS, OURS | {"args": ["--sandbox"], "env": {"L": "w"}})

    assert renewed == text.replace("args = []", 'args = ["--sandbox"]').replace('K = "v"', 'L = "w"')


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a = ", "line 1, column 5: Invalid value"),
        ("a = 1\n[b", "line 2, column 3: Expected ']' at the end of a table declaration"),
        ('a = """x', "line 1, column 9: "),
        ("a = " + "[" * 100_000, "nested too deep"),
    ],
)
def test_what_is_no_toml_is_told_with_its_place(text: str, said: str) -> None:
    with pytest.raises(InvalidText) as refused:
        TOML.read(text)

    assert said in str(refused.value)


@given(
    others=some.dictionaries(
        NAMES.filter(lambda name: name != "ours"),
        some.dictionaries(NAMES, some.integers(-9, 9) | some.booleans() | some.text(max_size=5), max_size=3),
        max_size=3,
    ),
    before=some.dictionaries(NAMES.filter(lambda name: name != "servers"), some.integers(-9, 9), max_size=2),
)
def test_any_toml_keeps_its_data_and_its_bytes(others: dict[str, Any], before: dict[str, int]) -> None:
    text = tomlkit.dumps(before | {"servers": others})

    with_ours, without = there_and_back(TOML, text)

    assert tomllib.loads(with_ours) == before | {"servers": others | {"ours": OURS}}
    assert tomllib.loads(without).get("servers", {}) == others


YAMLS = [
    "servers:\n  a:\n    b: 1\n    c: |\n      text\n\n  d:\n    e:\n\n# about z\nz: 1 # one\n",
    "servers:\n    a:\n    - b\n    - c: d\nz: >-\n  folded\n",
    "---\nservers:\n  a: {b: 1}\n...\n",
    "servers:\r\n  a: 1\r\nz: 2\r\n",
    "servers: {}  # none\nz: 1\n",
    "z: [1, 2]\nservers:\n  'a b': \"c\"\n  last: |-\n    ours:\n",
]


@pytest.mark.parametrize("text", YAMLS)
def test_yaml_is_the_same_after_ours_has_come_and_gone(text: str) -> None:
    with_ours, without = there_and_back(YAML, text)

    assert YAML.read(with_ours)["servers"]["ours"] == OURS
    assert ("\r\n" in with_ours) == ("\r\n" in text)
    assert without == text.replace("{}  # none", "{}  # none")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing\n",
        "---\n",
        "{}\n",
        "a: 1",
        "servers:\n# none\na: 1\n",
        "servers: ~\n",
        "servers: {a: {b: 1}}\n",
        "{servers: {a: 1}, b: [2]}\n",
        "a:\n- b\n",
    ],
)
def test_yaml_written_otherwise_keeps_its_data(text: str) -> None:
    data = YAML.read(text)
    others = data.get("servers") or {}

    with_ours, without = there_and_back(YAML, text)

    assert YAML.read(with_ours) == data | {"servers": others | {"ours": OURS}}
    assert YAML.read(without) == data | {"servers": others}
    renewed = OURS | {"args": ["--sandbox"]}
    assert YAML.read(YAML.with_value(with_ours, KEYS, renewed)) == data | {"servers": others | {"ours": renewed}}


def test_yaml_is_renewed_where_it_stands() -> None:
    text = "servers:\n  a: 1\n  ours:\n    command: old\n  # about z\n  z: 2\n"

    assert YAML.with_value(text, KEYS, {"command": "new"}) == text.replace("old", "new")


@pytest.mark.parametrize(
    "text",
    [
        "a: &x {b: 1}\nservers: *x\n",
        "servers:\n  a:\n  - b\n  -\n# about z\nz: 1\n",
        "servers: {a: 2026-11-25}\n",
        "a: |\n  without an end",
    ],
)
def test_yaml_that_cannot_be_changed_without_harm_is_refused(text: str) -> None:
    with pytest.raises(CannotInstall, match="its YAML cannot be edited"):
        YAML.with_value(text, KEYS, OURS)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [1\nb: 2\n", "line 2, column 2"),
        ("a: 1\n---\nb: 2\n", "line 2, column 1"),
        ("a: !!python/name:os.system x\n", "line 1, column 4"),
        ("a: \x00", "not YAML"),
        ("- a\n", "expected an object"),
        ("a: 1\na: 2\n", 'found duplicate key "a"'),
        ("[" * 500, "not YAML"),
    ],
)
def test_what_is_no_yaml_is_told_with_its_place(text: str, said: str) -> None:
    with pytest.raises(InvalidText) as refused:
        YAML.read(text)

    assert said in str(refused.value)


def test_a_value_that_stands_twice_in_yaml_is_not_repeated() -> None:
    with pytest.raises(InvalidText) as refused:
        YAML.read("envs:\n  K: canary-one\n  K: canary-two\n")

    assert "canary" not in str(refused.value)
