"""The sandbox's README names everything it can be told to do."""

from pathlib import Path

import pytest

import leadback_hubspot_sandbox as sandbox
from leadback_hubspot_sandbox.actions import HANDLERS as ACTIONS
from leadback_hubspot_sandbox.content import CONTACTS, OWNERS
from leadback_hubspot_sandbox.control import HANDLERS as CONTROL
from leadback_hubspot_sandbox.faults import MEANINGS

README = (Path(sandbox.__file__).parent / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [*ACTIONS, *MEANINGS, *sorted({path for _, path in CONTROL})])
def test_every_name_is_in_the_readme(name):
    assert name in README


def test_default_ids_are_in_the_readme():
    for owner in OWNERS:
        assert owner["id"] in README
        assert str(owner["user_id"]) in README
    assert CONTACTS[0][0] in README
    assert CONTACTS[-1][0] in README
