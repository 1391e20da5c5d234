"""Reads one record by its id: the call whose 404 is about that record, whatever body it has.

HubSpot answers a missing numeric id with an HTML page, or with nothing when JSON is preferred
(https://github.com/HubSpot/hubspot-api-nodejs/issues/159); JSON comes for other ids. A wrong path
looks the same, so this is asked only after a batch call of the same family was answered.
"""

from collections.abc import Mapping

from leadback_hubspot.answers import Answer
from leadback_hubspot.client import Api

NO_RECORD = (404, 410)


def read_record(
    api: Api, objects: str, record_id: str, params: Mapping[str, str] | None = None
) -> Answer | None:
    """The record's answer, or the one that prevented reading it; None: there is no such record."""
    answer = api.get(api.paths.objects(objects, record_id), params)
    return None if answer.status in NO_RECORD else answer
