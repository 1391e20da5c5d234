"""Assistants for whoever sends their emails: how they are set, and when not to write.

Nothing here asks a CRM. Off-days are put as a whole, so that sending twice does no harm.
"""

from typing import Annotated, Any, Protocol

from fastapi import APIRouter, Depends, HTTPException, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from leadback.base.errors import LeadbackError
from leadback.service.audit import Audit
from leadback.service.off_days import MOST
from leadback.store.account_records import ApiKey
from leadback.web.eventapi import NAME, REFUSALS, Keeper, Problem, check_portal, portals_of

READ, WRITE = "assistants:read", "assistants:write"
DAY = r"^(?:mon|tue|wed|thu|fri|sat|sun|[0-9]{4}-[0-9]{2}-[0-9]{2})$"
CALLED = r"^[^/\x00-\x1f\x7f]+$"


class KeepsAssistants(Protocol):
    """service.portals, as far as it is needed here."""

    def kept_assistants(self, portal: str | None = None) -> list[dict[str, Any]]: ...

    def set_off_days(self, portal: str, name: str, off_days: str) -> dict[str, Any]: ...


class AssistantRead(BaseModel):
    """An assistant as it was set. off_days: weekdays (sat), then dates, without follow-ups."""

    name: str
    email: str
    portal: str
    context: str
    fallback_owner: str | None
    followups: int
    days_between: int
    off_days: list[str]


class OffDays(BaseModel):
    """Days without follow-ups; an empty list for none."""

    model_config = ConfigDict(extra="forbid")

    off_days: list[Annotated[str, Field(pattern=DAY)]] = Field(
        max_length=MOST, examples=[["sat", "sun", "2026-12-25"]]
    )


def assistant_api(keeper: Keeper, assistants: KeepsAssistants, audit: Audit) -> APIRouter:
    """GET /assistants, PUT /assistants/{portal}/{assistant}/off-days."""
    router = APIRouter(tags=["assistants"])

    @router.get(
        "/assistants",
        summary="List assistants",
        description="Assistants with their sequence and off-days, as they were set.",
        response_model=list[AssistantRead],
        responses=REFUSALS,
    )
    async def list_assistants(
        key: Annotated[ApiKey, Depends(keeper.needs(READ))],
        portal: Annotated[str | None, Query(max_length=64, pattern=NAME)] = None,
    ) -> list[dict[str, Any]]:
        def read() -> list[dict[str, Any]]:
            seen = portals_of(key, portal)
            return [one for name in seen for one in assistants.kept_assistants(name)]

        return await run_in_threadpool(read)

    @router.put(
        "/assistants/{portal}/{assistant}/off-days",
        summary="Set off-days",
        description="All off-days of an assistant, by its name or address; those before are gone.",
        response_model=AssistantRead,
        responses={
            **REFUSALS,
            404: {"model": Problem, "description": "There is no such assistant"},
            422: {"model": Problem, "description": "That is no list of days"},
        },
    )
    async def set_off_days(
        portal: Annotated[str, Path(max_length=64, pattern=NAME)],
        assistant: Annotated[str, Path(max_length=254, pattern=CALLED)],
        wanted: OffDays,
        key: Annotated[ApiKey, Depends(keeper.needs(WRITE))],
    ) -> dict[str, Any]:
        check_portal(key, portal)

        def put() -> dict[str, Any]:
            known = assistants.kept_assistants(portal)
            if not any(assistant in (one["name"], one["email"]) for one in known):
                raise HTTPException(404, f"portal {portal} has no assistant {assistant!r}")
            with audit.acting_as(f"key {key.name}", "API"):
                return assistants.set_off_days(portal, assistant, " ".join(wanted.off_days))

        try:
            return await run_in_threadpool(put)
        except LeadbackError as error:
            raise HTTPException(422, str(error)) from error

    return router
