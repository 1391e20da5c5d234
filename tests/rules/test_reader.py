"""Reading: only what rules need, every refusal with its place, never a traceback."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from leadback.rules import reader
from leadback.rules.findings import RulesError
from leadback.rules.loader import load, parse, parse_file
from leadback.rules.model import Position
from leadback.rules.reader import MAX_BYTES, Items, Scalar, Table, read


def codes(text: str) -> list[str]:
    return [f"{f.line}:{f.column} {f.code}" for f in read(text, file="f").findings]


def values(text: str) -> list[object]:
    root = read(text, file="f").root
    assert isinstance(root, Items)
    return [item.value for item in root.items if isinstance(item, Scalar)]


def test_only_true_and_false_are_booleans_and_only_whole_numbers_numbers() -> None:
    found = values(
        "[on, off, yes, No, true, false, True, 7, -7, 0, 012, 1.5, 1e3, ~, null, '7', x]"
    )
    assert found == [
        "on", "off", "yes", "No", True, False, "True", 7, -7, 0, "012", "1.5", "1e3", None, None,
        "7", "x",
    ]  # fmt: skip
    assert values("[2026-11-02, 12:30, 0x10, 99999999999]") == [
        "2026-11-02",
        "12:30",
        "0x10",
        "99999999999",
    ]


def test_every_node_knows_its_place() -> None:
    root = read("a: 1\nb:\n  - {c: x}\n", file="f").root
    assert isinstance(root, Table)
    listed = root.get("b")
    assert isinstance(listed, Items)
    inner = listed.items[0]
    assert inner.at == Position("f", 3, 5)
    assert isinstance(inner, Table)
    assert inner.pairs[0][1].at == Position("f", 3, 9)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: 2\na: 3\n", ["3:1 R004"]),
        ("a: {x: 1, x: 2, x: 3}\n", ["1:11 R004", "1:17 R004"]),
        ("true: 1\n'true': 2\n", []),
        ("a: &x 1\nb: *x\n", ["1:4 R005", "2:4 R005"]),
        ("a: !!str 1\n", ["1:4 R005"]),
        ("a: !!python/object/apply:os.system [x]\n", ["1:4 R005"]),
        ("a: {<<: {b: 1}}\n", ["1:5 R005"]),
        ("a: 1\n---\nb: 1\n", ["2:1 R005"]),
        ("? [a]\n: 1\n", ["1:3 R006"]),
        ("a: [1\n", ["2:1 R003"]),
        ("a: 'x\n", ["2:1 R003"]),
        ("a: b: c\n", ["1:5 R003"]),
        ("a:\n\t- b\n", ["2:1 R003"]),
        ("a\x00b: 1\n", ["1:2 R001"]),
        ("x: 1\nab\x1bc: 1\n", ["2:3 R001"]),
        ("[" * 100_000, ["1:13 R002"]),
        ("a: " + "x" * MAX_BYTES, ["1:1 R002"]),
    ],
)
def test_what_rules_do_not_use_is_refused_at_its_place(text: str, expected: list[str]) -> None:
    assert codes(text) == expected


def test_a_thousand_million_laughs_stay_a_few_bytes() -> None:
    lines = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 40)]
    reading = read("\n".join(lines), file="f")
    assert {f.code for f in reading.findings} == {"R005"}


@given(st.text(st.characters(codec="utf-8"), max_size=60))
@settings(max_examples=200)
def test_no_text_makes_a_traceback(text: str) -> None:
    rules, findings = parse(text, file="f")
    assert rules is None
    assert findings


@given(st.text(st.sampled_from("ab:-[]{},&*!|>'\"#?~ \n01"), max_size=80))
@settings(max_examples=300)
def test_no_punctuation_makes_a_traceback(text: str) -> None:
    rules, findings = parse(text, file="f")
    assert rules is None
    assert findings


@given(st.binary(max_size=60))
def test_no_bytes_make_a_traceback(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    path = tmp_path_factory.mktemp("raw") / "rules.yaml"
    path.write_bytes(raw)
    rules, findings = parse_file(path)
    assert rules is None
    assert findings


def test_files_that_cannot_be_read_say_why(tmp_path: Path) -> None:
    with pytest.raises(RulesError) as missing:
        load(tmp_path / "none.yaml")
    assert "none.yaml:1:1 R001 the file cannot be read: No such file" in str(missing.value)
    with pytest.raises(RulesError) as folder:
        load(tmp_path)
    assert "R001 the file cannot be read: Is a directory" in str(folder.value)
    assert missing.value.exit_code == 2
    big = tmp_path / "big.yaml"
    big.write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(RulesError, match="R002"):
        load(big)
    utf16 = tmp_path / "utf16.yaml"
    utf16.write_text("format: 1", encoding="utf-16")
    with pytest.raises(RulesError, match="R001 byte 0xff is not UTF-8"):
        load(utf16)


def test_a_byte_order_mark_is_no_problem(tmp_path: Path) -> None:
    path = tmp_path / "bom.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + Path("tests/rules/sound.yaml").read_bytes())
    assert load(path).start_event == "assigned"


def test_pyyaml_without_its_c_library_reads_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    text = Path("rules/lead_states.yaml").read_text()
    fast = read(text, file="f")
    monkeypatch.setattr(reader, "_Loader", yaml.SafeLoader)
    assert read(text, file="f").root == fast.root
