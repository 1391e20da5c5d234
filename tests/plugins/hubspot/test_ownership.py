"""Who gets a contact back, and what a history says: laws over invented portals and histories."""

from collections.abc import Iterator
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from leadback.api import Ownership
from leadback_hubspot.owners import Directory, Owner, directory_of
from leadback_hubspot.ownership import (
    NOBODY,
    USER,
    choose_target,
    holdings,
    is_deliberate,
    moved_before,
    read_back,
    source_id,
)

ASSISTANT, OTHER_ASSISTANT = "900", "901"
ASSISTANTS = frozenset({ASSISTANT, OTHER_ASSISTANT})
PEOPLE = ["1", "2", "3", "4", ASSISTANT]
OURS = "INTEGRATION 4711"
HUMAN = "CRM_UI userId:9"
DELIBERATE = (
    HUMAN, "CRM_UI_BULK_ACTION", "WORK_UI", "MOBILE_IOS", "MOBILE_ANDROID x", "IMPORT 77",
    "PROPERTY_RESTORE", "SALES", "HELP_DESK", "INTEGRATION 9", "API", "CONVERSATIONS userId:9",
    "SALESFORCE 003 userId:9",
)  # fmt: skip
AUTOMATIC = (
    "AUTOMATION_PLATFORM enrollmentId:5", "WORKFLOWS", "AUTOMATION_JOURNEY", "PRIMARY_AUTOMATION",
    "CRM_PROCESSES_PLATFORM", "COMPANIES", "ASSOCIATIONS", "PROSPECTING_AGENT", "CUSTOMER_AGENT",
    "BREEZE_AGENT", "BOT", "CONVERSATIONS", "MEETINGS", "BCC_TO_CRM", "DATA_ENRICHMENT",
    "PROPERTY_DEFAULT_VALUE", "MERGE_CONTACTS", "MIGRATION", "INTERNAL_PROCESSING", "SALESFORCE 3",
    "INTEGRATIONS_SYNC", "INTEGRATIONS_PLATFORM", "PIPELINE_SETTINGS", "UNKNOWN",
    "A_TYPE_OF_NEXT_YEAR id:5",
)  # fmt: skip

NOT_OURS = ("INTEGRATION", "API")

owners = st.builds(
    Owner, st.sampled_from(PEOPLE), st.just(""), person=st.booleans(), active=st.booleans()
)
directories = st.lists(owners, max_size=6).map(
    lambda found: Directory(
        {o.id: Owner(o.id, f"o{o.id}@x.example", o.person, o.active) for o in found}
    )
)
keys = st.none() | st.sampled_from([*PEOPLE, "o1@x.example", "O2@x.example", "nobody@x.example"])


@given(previous=keys, fallbacks=st.tuples(keys, keys), directory=directories)
def test_nobody_gets_a_contact_who_cannot_work_on_it(
    previous: str | None, fallbacks: tuple[str | None, str | None], directory: Directory
) -> None:
    target = choose_target(previous, fallbacks, directory, ASSISTANTS)

    def usable(key: str | None) -> str | None:
        owner = directory.find(key) if key else None
        fits = owner is not None and owner.active and owner.person and owner.id not in ASSISTANTS
        return owner.id if owner is not None and fits else None

    first = next((u for key in fallbacks if (u := usable(key))), None)
    if usable(previous):
        expected = ("handed_back", usable(previous))
    elif first:
        expected = ("fallback", first)
    else:
        expected = ("cleared", NOBODY) if previous is None else ("kept", None)
    assert (target.verdict, target.owner) == expected
    assert target.why


def test_of_two_owners_with_one_address_the_active_one_counts() -> None:
    raw = [
        {"id": "1", "email": "A@x.example", "archived": True},
        {"id": "2", "email": "a@x.example"},
    ]
    for order in (raw, raw[::-1]):
        owner = directory_of(order).find("A@X.example ")
        assert owner is not None
        assert owner.id == "2"


def test_an_owner_listed_as_active_and_archived_is_active() -> None:
    raw = [{"id": "1", "email": "a@x.example", "archived": flag} for flag in (True, False)]
    for order in (raw, raw[::-1]):
        assert directory_of(order).by_id["1"].usable


@dataclass
class Contact:
    """A contact in the portal, as the model has it: entries newest last."""

    entries: list[Ownership]

    def set(self, owner: str, by: str, at: int) -> None:
        """HubSpot makes no entry for a value that was there already."""
        if (self.entries[-1].owner or NOBODY) != owner:
            self.entries.append(Ownership(owner or None, at, by))

    @property
    def history(self) -> tuple[Ownership, ...]:
        return tuple(reversed(self.entries))


moves = st.lists(
    st.tuples(
        st.sampled_from(["1", "2", "3", ASSISTANT, NOBODY]),
        # Another app's writes look like ours; they are in the tests of is_deliberate alone.
        st.sampled_from([by for by in (*DELIBERATE, *AUTOMATIC) if by.split()[0] not in NOT_OURS]),
    ),
    max_size=3,
)


@given(
    past=moves,
    window=moves,
    later=moves,
    target=st.sampled_from(["1", "2", NOBODY]),
    known=st.sampled_from([None, "4711", "another-id"]),
    same_instant=st.booleans(),
)
def test_whoever_moved_in_the_window_is_found(
    past: list[tuple[str, str]],
    window: list[tuple[str, str]],
    later: list[tuple[str, str]],
    target: str,
    known: str | None,
    same_instant: bool,
) -> None:
    """Read, (others move), our write, (others move), read again."""
    at = iter(range(1, 100))

    def now() -> int:
        return 50 if same_instant else next(at)

    contact = Contact([Ownership("3", 0, HUMAN)])
    for owner, by in past:
        contact.set(owner, by, now())
    contact.set(ASSISTANT, HUMAN, now())
    before = contact.history
    assert moved_before(before, ASSISTANT, ASSISTANTS) is None
    for owner, by in window:
        contact.set(owner, by, now())
    held = contact.entries[-1].owner or NOBODY
    wrote = held != target
    contact.set(target, OURS, now())
    after_ours = len(contact.entries)
    for owner, by in later:
        contact.set(owner, by, now())

    seen = read_back(before, contact.history, target=target, app_id=known)
    final = contact.entries[-1].owner
    assert seen.owner == final
    assert seen.ours == wrote
    changed_in_window = len(contact.entries) > len(before) + 1 and held != ASSISTANT
    moved_on = contact.entries[after_ours:]
    if not wrote:
        assert seen.overwritten is None
    elif moved_on:
        human_later = moved_on[-1].by in DELIBERATE
        assert seen.after == moved_on[-1].by
        if human_later or (final or NOBODY) == held:
            assert seen.overwritten is None, "what a person did after our write stands"
    elif changed_in_window:
        assert seen.overwritten == held
    elif held == ASSISTANT and len(contact.entries) == len(before) + 1:
        assert seen.overwritten is None, "nobody interfered"


@given(
    past=moves,
    windows=st.lists(st.lists(moves, min_size=2, max_size=3), min_size=1, max_size=6),
    known=st.booleans(),
    app_id=st.sampled_from([None, "4711"]),
)
def test_the_last_word_of_a_person_stands_however_often_we_are_killed(
    past: list[tuple[str, str]],
    windows: list[list[list[tuple[str, str]]]],
    known: bool,
    app_id: str | None,
) -> None:
    """Each round is a process that knows the history and nothing else: it reads, others move, it
    writes what it has to, others move, and with three lists of moves its call is made twice. In the
    last one nobody moves."""
    at = iter(range(1, 1000))
    contact = Contact([Ownership("3", 0, HUMAN)])
    for owner, by in [*past, (ASSISTANT, HUMAN)]:
        contact.set(owner, by, next(at))
    held = contact.history
    since = held[0].at if known else None
    for *before_calls, afterwards in [*windows, [[], []]]:
        write = still_to_write(held, contact.history, since, app_id)
        if write is None:
            break
        for window in before_calls:
            interfere(contact, window, at, known=known)
            contact.set(write, OURS, next(at))
        interfere(contact, afterwards, at, known=known)
    news = contact.entries[len(held) :]
    words = [entry for entry in news if entry.by != OURS]
    if words and words[-1].by == HUMAN and news[-1].by == OURS:
        assert news[-1].owner == words[-1].owner
    elif all(entry.by == OURS for entry in news):
        assert (news[-1].owner, news[-1].by) == ("3", OURS)


def still_to_write(
    held: tuple[Ownership, ...],
    history: tuple[Ownership, ...],
    since: int | None,
    app_id: str | None,
) -> str | None:
    """What a process writes that finds this history, and gives the contact back to 3."""
    for before in holdings(history, ASSISTANT, since):
        seen = read_back(before, history, target="3", app_id=app_id)
        if seen.ours:
            return seen.overwritten
    return "3" if history == held else None


def interfere(
    contact: Contact, moves: list[tuple[str, str]], at: Iterator[int], *, known: bool
) -> None:
    """known: since when the assistant had it; else nobody can tell which holding is to end."""
    for owner, by in moves:
        if known or owner != ASSISTANT:
            contact.set(owner, by, next(at))


def test_why_the_assistant_is_not_the_owner_any_more() -> None:
    def why(owner: str | None) -> str | None:
        return moved_before([Ownership(owner, 1, HUMAN)], ASSISTANT, ASSISTANTS)

    assert why(ASSISTANT) is None
    assert why(None) == f"the owner was cleared by {HUMAN}"
    assert why(OTHER_ASSISTANT) == f"the contact was given to another assistant by {HUMAN}"
    assert why("1") == f"the contact was given to owner 1 by {HUMAN}"
    assert moved_before([], ASSISTANT, ASSISTANTS) == "the contact has no owner"
    assert moved_before([Ownership(None, 1, HUMAN)], None, ASSISTANTS) is not None


def test_our_name_in_histories_is_learnt_from_our_own_entries_only() -> None:
    assert source_id([Ownership("1", 2, OURS)], "1") == "4711"
    assert source_id([Ownership("2", 2, OURS)], "1") is None
    assert source_id([Ownership("1", 2, f"{OURS} userId:9")], "1") == "4711"
    assert source_id([Ownership("1", 2, "API")], "1") is None
    assert source_id([Ownership("1", 2, HUMAN)], "1") is None
    assert source_id([], "1") is None


@given(by=st.sampled_from([*DELIBERATE, *AUTOMATIC, ""]))
def test_automation_is_whatever_no_person_is_known_to_have_done(by: str) -> None:
    assert is_deliberate(by) is (by in DELIBERATE)


@given(kind=st.from_regex(r"[A-Z]{3,12}(_[A-Z]{2,8})?", fullmatch=True))
def test_a_source_type_that_nobody_knows_is_automatic_unless_it_names_a_user(kind: str) -> None:
    known = kind in {by.split()[0] for by in DELIBERATE if USER not in by}
    assert is_deliberate(f"{kind} enrollmentId:5") is known
    assert is_deliberate(f"{kind} {USER}9")
