"""HubSpot's own SDK (v3 paths) against the sandbox: every answer must parse into its models."""

import importlib

import pytest
from hubspot.crm import contacts, owners, properties
from hubspot.crm.associations import v4
from hubspot.crm.contacts.exceptions import ApiException
from hubspot.crm.objects import notes


def test_contact_life(portal):
    api = portal.sdk().crm.contacts.basic_api
    made = api.create(
        contacts.SimplePublicObjectInputForCreate(
            properties={"email": "Ada@Example.com", "firstname": "Ada", "hs_lead_status": "NEW"}
        )
    )
    assert made.id.isdigit()
    assert len(made.id) >= 11
    assert made.properties["email"] == "ada@example.com"
    assert made.archived is False

    changed = api.update(
        made.id, contacts.SimplePublicObjectInput(properties={"hubspot_owner_id": "501"})
    )
    assert changed.properties["hubspot_owner_id"] == "501"
    assert changed.properties["hubspot_owner_assigneddate"]

    read = api.get_by_id(
        made.id,
        properties=["lastname", "no_such_property", "hs_lead_status"],
        properties_with_history=["hubspot_owner_id"],
    )
    assert read.properties["lastname"] is None
    assert read.properties["hs_lead_status"] == "NEW"
    assert "no_such_property" not in read.properties
    (entry,) = read.properties_with_history["hubspot_owner_id"]
    assert (entry.value, entry.source_type, entry.source_id) == ("501", "INTEGRATION", "1160452")
    assert entry.timestamp.tzinfo is not None

    assert api.get_by_id("ADA@example.com", id_property="email").id == made.id
    api.archive(made.id)
    with pytest.raises(ApiException) as caught:
        api.get_by_id(made.id)
    assert caught.value.status == 404
    assert api.get_by_id(made.id, archived=True).archived is True


def test_list_pages(portal):
    wanted = [portal.contact(firstname=f"P{number}") for number in range(7)]
    api = portal.sdk().crm.contacts.basic_api
    found, after = [], None
    while True:
        page = api.get_page(limit=3, after=after)
        found += [one.id for one in page.results]
        if page.paging is None:
            break
        after = page.paging.next.after
    assert found == wanted
    assert page.paging is None


def test_batch_read_with_missing_ids(portal):
    one, two = portal.contact(firstname="A"), portal.contact(firstname="B")
    batch = portal.sdk().crm.contacts.batch_api
    answer = batch.read(
        contacts.BatchReadInputSimplePublicObjectId(
            properties=["firstname"],
            properties_with_history=["firstname"],
            inputs=[contacts.SimplePublicObjectId(id=key) for key in (one, "777", two, "778")],
        )
    )
    assert isinstance(answer, contacts.BatchResponseSimplePublicObjectWithErrors)
    assert {each.id: each.properties["firstname"] for each in answer.results} == {
        one: "A",
        two: "B",
    }
    (error,) = answer.errors
    assert error.category == "OBJECT_NOT_FOUND"
    assert error.context["ids"] == ["777", "778"]
    assert answer.num_errors == 1


def test_batch_write(portal):
    batch = portal.sdk().crm.contacts.batch_api
    made = batch.create(
        contacts.BatchInputSimplePublicObjectBatchInputForCreate(
            inputs=[
                contacts.SimplePublicObjectBatchInputForCreate(
                    properties={"email": f"b{number}@example.com"}, associations=[]
                )
                for number in range(3)
            ]
        )
    )
    ids = {one.properties["email"]: one.id for one in made.results}
    assert len(ids) == 3
    updated = batch.update(
        contacts.BatchInputSimplePublicObjectBatchInput(
            inputs=[
                contacts.SimplePublicObjectBatchInput(id=key, properties={"hs_lead_status": "OPEN"})
                for key in ids.values()
            ]
        )
    )
    assert {one.properties["hs_lead_status"] for one in updated.results} == {"OPEN"}
    upserted = batch.upsert(
        contacts.BatchInputSimplePublicObjectBatchInputUpsert(
            inputs=[
                contacts.SimplePublicObjectBatchInputUpsert(
                    id=email, id_property="email", properties={"email": email, "firstname": "U"}
                )
                for email in ("b0@example.com", "new@example.com")
            ]
        )
    )
    assert {one.properties["email"]: one.new for one in upserted.results} == {
        "b0@example.com": False,
        "new@example.com": True,
    }
    batch.archive(
        contacts.BatchInputSimplePublicObjectId(
            inputs=[contacts.SimplePublicObjectId(id=key) for key in ids.values()]
        )
    )
    left = portal.sdk().crm.contacts.basic_api.get_page()
    assert [one.properties["email"] for one in left.results] == ["new@example.com"]


def test_merge_and_purge(portal):
    primary = portal.contact(email="keep@example.com", firstname="Keep")
    loser = portal.contact(email="lose@example.com", lastname="Lost")
    api = portal.sdk().crm.contacts.basic_api
    winner = api.merge(
        contacts.PublicMergeInput(primary_object_id=primary, object_id_to_merge=loser)
    )
    assert winner.id not in (primary, loser)
    assert winner.properties["lastname"] == "Lost"
    assert winner.properties["hs_merged_object_ids"] == f"{loser};{primary}"
    assert winner.properties["hs_additional_emails"] == "lose@example.com"
    assert api.get_by_id(loser).id == api.get_by_id(primary).id == winner.id
    api.purge(contacts.PublicGdprDeleteInput(object_id=winner.id))
    with pytest.raises(ApiException) as caught:
        api.get_by_id(primary, archived=True)
    assert caught.value.status == 404


def test_search(portal):
    tara = portal.contact(firstname="T", hubspot_owner_id="501")
    portal.contact(firstname="O", hubspot_owner_id="503")
    search = portal.sdk().crm.contacts.search_api
    answer = search.do_search(
        contacts.PublicObjectSearchRequest(
            filter_groups=[
                contacts.FilterGroup(
                    filters=[
                        contacts.Filter(
                            property_name="hubspot_owner_id", operator="EQ", value="501"
                        )
                    ]
                )
            ],
            properties=["hubspot_owner_id"],
            sorts=["createdate"],
            limit=10,
        )
    )
    assert answer.total == 1
    assert [one.id for one in answer.results] == [tara]


def test_properties_and_groups(portal):
    crm = portal.sdk().crm.properties
    group = crm.groups_api.create(
        "contacts", properties.PropertyGroupCreate(name="lead_engine", label="Lead engine")
    )
    assert group.name == "lead_engine"
    made = crm.core_api.create(
        "contacts",
        properties.PropertyCreate(
            name="lead_connection_status",
            label="Lead Connection Status",
            type="enumeration",
            field_type="select",
            group_name="lead_engine",
            options=[
                properties.OptionInput(label="Hot", value="HOT", display_order=0, hidden=False)
            ],
        ),
    )
    assert [option.value for option in made.options] == ["HOT"]
    status = crm.core_api.get_by_name("contacts", "hs_lead_status")
    assert [option.value for option in status.options] == [
        "NEW", "OPEN", "IN_PROGRESS", "OPEN_DEAL", "UNQUALIFIED", "ATTEMPTED_TO_CONTACT",
        "CONNECTED", "BAD_TIMING",
    ]  # fmt: skip
    names = {one.name for one in crm.core_api.get_all("contacts").results}
    assert {"lead_connection_status", "hubspot_owner_id", "email"} <= names
    crm.core_api.archive("contacts", "lead_connection_status")
    crm.groups_api.archive("contacts", "lead_engine")
    assert "lead_engine" not in {one.name for one in crm.groups_api.get_all("contacts").results}


def test_owners(portal):
    api = portal.sdk().crm.owners.owners_api
    active = api.get_page(limit=2)
    assert [one.email for one in active.results] == ["tara@example.com", "hanna@example.com"]
    rest = api.get_page(limit=2, after=active.paging.next.after)
    assert [one.email for one in rest.results] == ["omar@example.com"]
    assert rest.paging is None
    assert api.get_page(email="TARA@example.com").results[0].id == "501"
    assert api.get_page(email="nobody@example.com").results == []
    (gone,) = api.get_page(archived=True).results
    assert (gone.email, gone.user_id, gone.user_id_including_inactive) == (
        "paul@example.com",
        None,
        9004,
    )
    assert api.get_by_id(9001, id_property="userId").id == "501"
    with pytest.raises(owners.exceptions.ApiException):
        api.get_by_id(9001)


@pytest.mark.parametrize(
    ("kind", "type_id", "extra"),
    [
        ("notes", 202, {"hs_note_body": "<p>Hi</p>"}),
        ("emails", 198, {"hs_email_direction": "EMAIL", "hs_email_subject": "Hello"}),
        ("tasks", 204, {"hs_task_subject": "Call", "hs_task_status": "NOT_STARTED"}),
    ],
)
def test_engagements_with_inline_association(portal, kind, type_id, extra):
    contact = portal.contact(firstname="A")
    sdk = portal.sdk().crm
    models = importlib.import_module(f"hubspot.crm.objects.{kind}")
    api = getattr(sdk.objects, kind)
    made = api.batch_api.create(
        models.BatchInputSimplePublicObjectBatchInputForCreate(
            inputs=[
                models.SimplePublicObjectBatchInputForCreate(
                    properties={"hs_timestamp": "2026-11-03T10:00:00Z", **extra},
                    associations=[
                        models.PublicAssociationsForObject(
                            to=models.PublicObjectId(id=contact),
                            types=[
                                models.AssociationSpec(
                                    association_category="HUBSPOT_DEFINED",
                                    association_type_id=type_id,
                                )
                            ],
                        )
                    ],
                )
            ]
        )
    )
    (one,) = made.results
    assert one.properties["hs_timestamp"] == "2026-11-03T10:00:00.000Z"
    listed = sdk.contacts.basic_api.get_by_id(contact, associations=[kind])
    assert [link.id for link in listed.associations[kind].results] == [one.id]
    answer = sdk.associations.v4.batch_api.get_page(
        "contacts",
        kind,
        v4.BatchInputPublicFetchAssociationsBatchRequest(
            inputs=[v4.PublicFetchAssociationsBatchRequest(id=contact)]
        ),
    )
    (row,) = answer.results
    assert row._from.id == contact
    assert [str(link.to_object_id) for link in row.to] == [one.id]
    assert row.to[0].association_types[0].type_id == type_id - 1
    read = api.basic_api.get_by_id(one.id, properties=list(extra), associations=["contacts"])
    assert {name: read.properties[name] for name in extra} == extra
    assert read.associations["contacts"].results[0].id == contact
    api.basic_api.archive(one.id)
    gone = sdk.contacts.basic_api.get_by_id(contact, associations=[kind])
    assert not gone.associations


def test_association_created_later(portal):
    contact = portal.contact(firstname="A")
    sdk = portal.sdk().crm
    note = sdk.objects.notes.basic_api.create(
        notes.SimplePublicObjectInputForCreate(
            properties={"hs_timestamp": "1793700000000"}, associations=[]
        )
    )
    made = sdk.associations.v4.batch_api.create(
        "notes",
        "contacts",
        v4.BatchInputPublicAssociationMultiPost(
            inputs=[
                v4.PublicAssociationMultiPost(
                    _from=v4.PublicObjectId(id=note.id),
                    to=v4.PublicObjectId(id=contact),
                    types=[
                        v4.AssociationSpec(
                            association_category="HUBSPOT_DEFINED", association_type_id=202
                        )
                    ],
                )
            ]
        ),
    )
    assert made.results[0].to_object_id == contact
    assert portal.control("GET", "dump")["contacts"][contact]["notes"] == [note.id]
