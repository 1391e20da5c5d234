"""Everything a plugin author imports: the hook marker, the records, the outcomes, the errors."""

from leadback.base.clock import Millis, format_time, parse_date_or_time, parse_time
from leadback.base.errors import ConfigurationError, LeadbackError
from leadback.base.pace import Limit, LocalPace, Pace
from leadback.hooks.errors import PortalDisconnected, PortalUnavailable
from leadback.hooks.outcomes import (
    Access,
    AssistantUser,
    ContactChanges,
    Delivery,
    Done,
    GiveUp,
    Hint,
    IntegrationStatus,
    MappingProblem,
    OAuthApp,
    Outcome,
    Received,
    Refused,
    SetupPlan,
    SetupStep,
    Tokens,
    TryLater,
    Uncertain,
    WebhookRequest,
)
from leadback.hooks.specs import hookimpl
from leadback.lead.ownership import previous_owner
from leadback.lead.records import (
    Assistant,
    ContactIds,
    ContactReading,
    EffectKind,
    Ownership,
    Portal,
)
from leadback.rules.model import CrmMapping
from leadback.rules.values import has_words

__all__ = [
    "Access",
    "Assistant",
    "AssistantUser",
    "ConfigurationError",
    "ContactChanges",
    "ContactIds",
    "ContactReading",
    "CrmMapping",
    "Delivery",
    "Done",
    "EffectKind",
    "GiveUp",
    "Hint",
    "IntegrationStatus",
    "LeadbackError",
    "Limit",
    "LocalPace",
    "MappingProblem",
    "Millis",
    "OAuthApp",
    "Outcome",
    "Ownership",
    "Pace",
    "Portal",
    "PortalDisconnected",
    "PortalUnavailable",
    "Received",
    "Refused",
    "SetupPlan",
    "SetupStep",
    "Tokens",
    "TryLater",
    "Uncertain",
    "WebhookRequest",
    "format_time",
    "has_words",
    "hookimpl",
    "parse_date_or_time",
    "parse_time",
    "previous_owner",
]
