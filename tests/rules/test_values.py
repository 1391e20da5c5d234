"""What a CRM shows for a state, with the words of a lead filled in."""

from hypothesis import given
from hypothesis import strategies as st

from leadback.lead.effects import words
from leadback.lead.records import Lead
from leadback.rules.model import TEXT_WORDS, CrmMapping
from leadback.rules.values import fill, has_words, values_for

MAPPING = CrmMapping(
    "hubspot",
    ("status", "owner_text"),
    {"New": ("NEW", "ask {assistant_email}"), "Hot": ("Hot", None), "Gone": (None, None)},
)


def test_the_values_of_a_state() -> None:
    known = {"assistant_email": "tara@acme.example"}
    assert values_for(MAPPING, "New", known) == {
        "status": "NEW",
        "owner_text": "ask tara@acme.example",
    }
    assert values_for(MAPPING, "New", {})["owner_text"] == "ask {assistant_email}"
    assert values_for(MAPPING, "Hot", known) == {"status": "Hot"}
    assert values_for(MAPPING, "Gone", known) == values_for(MAPPING, "Unheard", known) == {}
    assert values_for(None, "New", known) == {}


def test_each_word_that_a_file_may_use_has_a_value_for_any_lead() -> None:
    bare = Lead("acme", "501", "501", "New")
    assert set(words(bare)) == set(TEXT_WORDS)
    for word in TEXT_WORDS:
        assert has_words("{" + word + "}")
        assert not has_words(fill("{" + word + "}", words(bare)))


@given(st.text(), st.dictionaries(st.sampled_from(TEXT_WORDS), st.text()))
def test_a_value_is_put_in_once_and_never_read_again(text: str, known: dict[str, str]) -> None:
    """A name with braces in it is a name."""
    filled = fill(text, known)
    rest = filled
    for part in _between(text, known):
        assert rest.startswith(part)
        rest = rest[len(part) :]
    assert rest == ""


def _between(text: str, known: dict[str, str]) -> list[str]:
    parts, at = [], 0
    while at < len(text):
        word = next((w for w in known if text.startswith("{" + w + "}", at)), None)
        parts.append(text[at] if word is None else known[word])
        at += 1 if word is None else len(word) + 2
    return parts
