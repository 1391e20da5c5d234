"""A portal of a real sandbox process, arranged by its control API, and the plugin beside it."""

import itertools
import json
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import Any

import requests

from leadback.api import (
    Access,
    Assistant,
    Delivery,
    EffectKind,
    LocalPace,
    Outcome,
    Pace,
    Portal,
)
from leadback.hooks.manager import Plugins
from leadback.rules.model import CrmMapping, Rules
from leadback.rules.values import values_for
from leadback_hubspot.hooks import HubSpotPlugin

TARA, HANNA, OMAR, PAUL, QUEUE, BEN = "501", "502", "503", "504", "505", "506"
OWNERS = [
    {"id": TARA, "email": "tara@acme.example", "first_name": "Tara", "user_id": 9001},
    {"id": HANNA, "email": "hanna@acme.example", "first_name": "Hanna", "user_id": 9002},
    {"id": OMAR, "email": "omar@acme.example", "first_name": "Omar", "user_id": 9003},
    {"id": PAUL, "email": "paul@acme.example", "user_id": 9004, "archived": True},
    {"id": QUEUE, "email": "queue@acme.example", "user_id": 9005, "type": "QUEUE"},
    {"id": BEN, "email": "ben@acme.example", "first_name": "Ben", "user_id": 9006},
]
NOON = 1_793_707_200_000
SECRET = "a-client-secret"


def start_sandbox(*options: str) -> tuple[subprocess.Popen[str], str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "leadback_hubspot_sandbox", "--port", "0", "--empty",
         "--no-rate-limit", "--token", "root-token", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # its server complains of each connection that a fault breaks
        text=True,
    )  # fmt: skip
    assert process.stdout is not None
    return process, json.loads(process.stdout.readline())["url"]


@dataclass
class Rig:
    """One portal of the sandbox, and a plugin that knows nothing of it yet."""

    url: str
    token: str
    portal_id: int
    rules: Rules
    settings: dict[str, Any] = field(default_factory=lambda: {"settle_seconds": 0})
    fallback: str | None = None
    assistant_fallback: str | None = None
    assistant_email: str = "tara@acme.example"
    plugin: HubSpotPlugin = field(default_factory=HubSpotPlugin)
    ids: Any = field(default_factory=lambda: itertools.count(1))
    pace: Pace = field(default_factory=LocalPace)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """The plugin forgets everything, as a new process does."""
        self.plugin = HubSpotPlugin()
        manager = Plugins()
        manager.register("hubspot", self.plugin)
        self.hooks = manager.for_crm("hubspot")

    # -------------------------------------------------------------- sandbox

    def control(self, method: str, path: str, body: Any = None) -> Any:
        response = requests.request(
            method,
            f"{self.url}/_sandbox/{path}",
            json=body,
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=30,
        )
        assert response.status_code < 300, response.text
        return response.json() if response.content else None

    def act(self, action: str, **details: Any) -> dict[str, Any]:
        done = self.control("POST", "actions", {"action": action, **details})
        assert isinstance(done, dict)
        return done

    def contact(self, *owners: str, **properties: str) -> str:
        """A contact that had these owners one after the other; its id."""
        number = next(self.ids)
        values = {"email": f"lead{number}@example.org", "firstname": "Ada", "lastname": "Byrne"}
        made = self.act("create_contact", properties={**values, **properties})
        for owner in owners:
            self.act("assign", contact=made["contact"], owner=owner or None)
        return str(made["contact"])

    def contacts(self, number: int, *owners: str) -> list[str]:
        """Many contacts in few calls."""
        creations = [
            {"action": "create_contact", "properties": {"email": f"n{next(self.ids)}@example.org"}}
            for _ in range(number)
        ]
        ids = [str(done["contact"]) for done in self.control("POST", "actions", creations)]
        for owner in owners:
            moves = [{"action": "assign", "contact": crm_id, "owner": owner} for crm_id in ids]
            self.control("POST", "actions", moves)
        return ids

    def fault(self, kind: str, **settings: Any) -> None:
        self.control("POST", "faults", {"kind": kind, **settings})

    def switch(self, **switches: Any) -> None:
        self.control("PATCH", "switches", switches)

    def shown(self, crm_id: str) -> dict[str, Any]:
        """The contact as it is stored in the sandbox."""
        contact = self.dump()["contacts"][crm_id]
        assert isinstance(contact, dict)
        return contact

    def dump(self) -> dict[str, Any]:
        held = self.control("GET", "dump")
        assert isinstance(held, dict)
        return held

    def calls(self) -> dict[str, dict[str, int]]:
        """Calls so far: route (without method's path prefix) → status → number."""
        counted = self.control("GET", "stats")["calls"]
        return {route.replace("/{version}", ""): statuses for route, statuses in counted.items()}

    def count(self, route: str) -> int:
        """How many calls went to routes that contain this text."""
        return sum(sum(s.values()) for r, s in self.calls().items() if route in r)

    def reset_stats(self) -> None:
        self.control("DELETE", "stats")

    # -------------------------------------------------------------- plugin

    @property
    def access(self) -> Access:
        portal = Portal(
            name=f"acme-{self.portal_id}",
            crm="hubspot",
            base_url=self.url,
            token_env="TOKEN",
            account_id=str(self.portal_id),
            fallback_owner=self.fallback,
            settings=self.settings,
        )
        assistants = (
            Assistant(
                portal=portal.name,
                email=self.assistant_email,
                name="Tara",
                owner_id=TARA if self.assistant_email.startswith("tara") else None,
                fallback_owner=self.assistant_fallback,
            ),
            Assistant(portal=portal.name, email="ben@acme.example", name="Ben", owner_id=BEN),
        )
        return Access(
            portal=portal,
            assistants=assistants,
            token=lambda: self.token,
            webhook_secret=lambda: SECRET,
            now=lambda: time.time_ns() // 1_000_000,
            pace=self.pace,
        )

    @property
    def mapping(self) -> CrmMapping:
        return self.rules.crm["hubspot"]

    def set_up(self) -> None:
        plan = self.hooks.crm_plan_setup(access=self.access, mapping=self.mapping)
        self.hooks.crm_apply_setup(access=self.access, mapping=self.mapping, plan=plan)

    def delivery(self, kind: EffectKind, crm_id: str, **payload: Any) -> Delivery:
        options = {key: payload.pop(key) for key in ("maybe_sent", "attempts") if key in payload}
        number = next(self.ids)
        return Delivery(
            id=number,
            kind=kind,
            crm_id=crm_id,
            payload=payload,
            reference=payload.pop("reference", f"lb-test{number:05d}"),
            attempts=options.get("attempts", 1),
            maybe_sent=options.get("maybe_sent", False),
        )

    def fields(self, crm_id: str, state: str, **options: Any) -> Delivery:
        values = values_for(self.mapping, state, {})
        return self.delivery(EffectKind.FIELDS, crm_id, **values, **options)

    def note(self, crm_id: str, text: str = "Hello", **options: Any) -> Delivery:
        return self.delivery(EffectKind.NOTE, crm_id, text=text, at=NOON, **options)

    def handback(self, crm_id: str, previous: str | None = HANNA, **options: Any) -> Delivery:
        payload = {"assistant": self.assistant_email, "previous_owner": previous}
        return self.delivery(EffectKind.HANDBACK, crm_id, **payload, **options)

    def deliver(self, *deliveries: Delivery) -> list[Outcome]:
        """The outcomes in the order of the deliveries."""
        outcomes = self.hooks.crm_deliver(
            access=self.access,
            kind=deliveries[0].kind,
            deliveries=deliveries,
        )
        assert set(outcomes) == {d.id for d in deliveries}
        return [outcomes[d.id] for d in deliveries]


def make_rig(url: str, rules: Rules, **portal: Any) -> Rig:
    """A new portal in a running sandbox."""
    number = next(_PORTALS)
    token = f"pat-na1-{number}-secret"
    wanted = {"portal_id": 9_000_000 + number, "token": token, "owners": OWNERS,
              "rate_limited": True, **portal}  # fmt: skip
    response = requests.post(
        f"{url}/_sandbox/portals",
        json=wanted,
        headers={"Authorization": "Bearer root-token"},
        timeout=30,
    )
    assert response.status_code == 201, response.text
    return Rig(url, token, 9_000_000 + number, rules)


_PORTALS = itertools.count(1)
