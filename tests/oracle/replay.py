"""Plays the recorded day on paper, step by step, and keeps what an engine has to end up with."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.oracle import life
from tests.oracle.crm import CONNECTION, STATUS, Contact, Portal, contract, shown
from tests.oracle.intake import Rejected, Sound, judge
from tests.oracle.lead import DAYS, GONE, Lead, Start

Key = tuple[str, str]
"""Portal and contact id."""


@dataclass(slots=True)
class Seen:
    """What occurred on the way; the tests ask whether the day covers enough."""

    states: Counter[str] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)
    moves: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    timers: Counter[str] = field(default_factory=Counter)
    verdicts: Counter[str] = field(default_factory=Counter)
    situations: Counter[str] = field(default_factory=Counter)


class World:
    """Portals, leads and the clock. doubts: where lifecycle.md could be read in two ways."""

    def __init__(self, portals: list[Portal]) -> None:
        self.portals = {portal.name: portal for portal in portals}
        self.leads: dict[Key, Lead] = {}
        self.all_leads: list[Lead] = []
        self.waiting: dict[Key, list[Sound]] = {}
        self.known: dict[tuple[str, str], Sound] = {}
        self.totals = Counter(accepted=0, duplicate=0, rejected=0)
        self.seen = Seen()
        self.doubts: list[str] = []
        self._mapping = contract()
        self._handbacks: list[tuple[Lead, str]] = []

    def play(self, step: Any) -> None:
        """One step of leadback/cli/demo_steps.py."""
        self._fire_due(step.at_ms)
        self._act_all(step.actions, step.at_ms)
        for line in step.raw_lines:
            self._receive(line, step.at_ms)
        self._fire_due(step.at_ms)  # a return date that had passed already
        self._deliver_handbacks()

    # ------------------------------------------------------------ timers

    def _fire_due(self, now: int) -> None:
        while due := [lead for lead in self.all_leads if lead.timer and lead.timer.due <= now]:
            lead = min(due, key=lambda lead: lead.timer.due if lead.timer else now)
            assert lead.timer is not None
            name = f"timer.{lead.timer.name}"
            self.seen.timers[name] += 1
            if name == "timer.reminder" and now - lead.timer.due >= 3 * DAYS:
                self._doubt(lead, "the clock jumped over a reminder")
            before = lead.state
            life.fire(lead, now)
            self._write(lead, name, before)

    # ------------------------------------------------------------ people in the portal

    def _act_all(self, actions: Iterable[dict[str, Any]], now: int) -> None:
        """All actions happen, then what changed is noticed."""
        changes = [self._act(action) for action in actions]
        touched = Counter(change.contact.id for change in changes if change.contact is not None)
        self.doubts += [f"{id_}: two actions at once" for id_, n in touched.items() if n > 1]
        for change in changes:
            change.tell(self, now)

    def _act(self, action: dict[str, Any]) -> "Change":
        portal = self.portals[action["portal"]]
        kind = action["action"]
        self.seen.events[f"portal.{kind}"] += 1
        if kind == "deactivate_owner":
            portal.inactive.add(portal.owners[action["owner"]])
            return Change(portal)
        if kind == "merge":
            winner, loser = portal.contacts[action["primary"]], portal.contacts[action["merged"]]
            portal.merge(winner, loser)
            return Change(portal, loser, "merged", winner)
        contact = portal.contacts[action["contact"]]
        if kind == "assign":
            before = contact.owner
            owner = portal.owners[action["owner"]] if action["owner"] else ""
            changed = contact.give(owner)
            return Change(portal, contact, "owner" if changed else "", owner_before=before)
        if kind == "set":
            contact.properties.update(action["properties"])
            if "context" in action["properties"]:
                self.follow_context(portal, contact)
            return Change(portal)
        became = {"delete": "deleted", "erase": "erased", "restore": "restored"}[kind]
        contact.gone = None if kind == "restore" else became
        return Change(portal, contact, became)

    def follow_context(self, portal: Portal, contact: Contact) -> None:
        """A lead's context is what its contact's says, or else its assistant's."""
        lead = self.leads.get((portal.name, contact.id))
        if lead is not None and lead.ended not in GONE:
            lead.context = portal.context(contact, lead.assistant)

    def lead_starts(self, portal: Portal, contact: Contact, assistant: str, now: int) -> None:
        key = (portal.name, contact.id)
        start = Start(assistant, portal.previous_owner(contact), portal.context(contact, assistant))
        lead = self.leads.get(key)
        if lead is None:
            lead = Lead(
                portal.name, contact.id, contact.id, assistant, start.previous_owner, start.context
            )
            self.leads[key] = lead
            self.all_leads.append(lead)
            life.born(lead)
            self._write(lead, "assigned", "")
        else:
            self._assign_again(lead, start, now)
        for event in self.waiting.pop(key, []):
            self.seen.situations["waited"] += 1
            self._take(lead, event, now)

    def _assign_again(self, lead: Lead, start: Start, now: int) -> None:
        before, finished = lead.state, lead.finished
        if not finished and start.assistant != lead.assistant:
            self._doubt(lead, "given to another assistant while in progress")
        if before == "UnSubscribed" and start.previous_owner != lead.previous_owner:
            self._doubt(lead, "unsubscribed, and another person held it since")
        how = "unsubscribed" if before == "UnSubscribed" else "anew" if finished else "in progress"
        self.seen.situations[f"assigned again, {how}"] += 1
        life.assign(lead, start, now)
        self._write(lead, "assigned", before)

    def tell(self, lead: Lead, kind: str, data: dict[str, Any], now: int) -> None:
        before, gone = lead.state, lead.gone
        if lead.timer is not None and lead.timer.due <= now:
            self._doubt(lead, "an event after a timer that was due when it was set")
        if lead.ended is not None and kind == "followup_restarted":
            self._doubt(lead, "started anew though a person holds the contact")
        life.take(lead, kind, data, now)
        if gone and kind != "contact_restored":
            self.seen.situations["event after the contact was gone"] += 1
        if lead.ended == "restored" and lead.state != before:
            self._doubt(lead, f"{kind} moves a lead whose contact was restored")
        name = kind + "".join(f".{data[key]}" for key in ("intent", "action") if key in data)
        if lead.refused:
            self.seen.refused[name] += 1
        self._write(lead, name, before)

    # ------------------------------------------------------------ events

    def _receive(self, line: bytes, now: int) -> None:
        event = judge(line, self.portals)
        if isinstance(event, Rejected):
            self.totals["rejected"] += 1
            self.seen.rejected[event.kind] += 1
            return
        first = self.known.setdefault((event.source, event.id), event)
        if first is not event:
            self.totals["duplicate"] += 1
            other = "other content" if first != event else "the same"
            self.seen.situations[f"double with {other}"] += 1
            return
        self.totals["accepted"] += 1
        portal = self.portals[event.portal]
        self.seen.situations["named by email"] += "@" in event.target
        key = (event.portal, portal.find(event.target))
        if key in self.leads:
            self._take(self.leads[key], event, now)
        else:
            self.waiting.setdefault(key, []).append(event)

    def _take(self, lead: Lead, event: Sound, now: int) -> None:
        self.tell(lead, event.type, event.data, now)

    # ------------------------------------------------------------ what the portal is told

    def _write(self, lead: Lead, event: str, before: str) -> None:
        portal = self.portals[lead.portal]
        contact = portal.contacts[lead.contact]
        self.seen.events[event] += 1
        self.seen.states[lead.state] += 1
        if lead.state != before:
            self.seen.moves[before, event, lead.state] += 1
        for wish in lead.wishes:
            if wish == "fields":
                status, connection = self._mapping[lead.state]
                contact.properties |= {STATUS: shown(status), CONNECTION: connection}
            elif wish == "handback":
                if any(other is lead for other, _ in self._handbacks):
                    self._doubt(lead, "two handbacks in one step")
                self._handbacks.append((lead, lead.assistant))
            else:
                contact.timeline[wish] += 1

    def _deliver_handbacks(self) -> None:
        handbacks, self._handbacks = self._handbacks, []
        for lead, assistant in handbacks:
            if lead.gone:
                self._doubt(lead, "the contact went before it was handed back")
                continue
            portal = self.portals[lead.portal]
            if portal.fallback_is_inactive(assistant):
                self._doubt(lead, "the fallback owner was deactivated")
            verdict = _hand_back(lead, assistant, portal, portal.contacts[lead.contact])
            lead.verdicts.append(verdict)
            self.seen.verdicts[verdict] += 1

    def _doubt(self, lead: Lead, what: str) -> None:
        self.doubts.append(f"{lead.portal}/{lead.lead_id}: {what}")

    def doubt_about(self, lead: Lead, what: str) -> None:
        self._doubt(lead, what)


def _hand_back(lead: Lead, assistant: str, portal: Portal, contact: Contact) -> str:
    """The four rules of the chapter Handback."""
    if contact.owner != portal.owners[assistant]:
        return "human_owner"
    previous, fallback = lead.previous_owner, portal.fallback(assistant)
    if previous is not None and previous not in portal.inactive:
        contact.give(previous)
        return "handed_back"
    if fallback is not None:
        contact.give(fallback)
        return "fallback"
    if previous is not None:
        contact.timeline["task"] += 1
        return "kept"
    contact.give("")
    return "cleared"


@dataclass(frozen=True, slots=True)
class Change:
    """What a webhook's reader finds at one contact. kind "" is nothing of interest."""

    portal: Portal
    contact: Contact | None = None
    kind: str = ""
    winner: Contact | None = None
    owner_before: str = ""

    def tell(self, world: World, now: int) -> None:
        if self.contact is None or not self.kind:
            return
        lead = world.leads.get((self.portal.name, self.contact.id))
        if self.kind == "owner":
            self._owner(world, lead, now)
        elif lead is None:
            if (self.portal.name, self.contact.id) in world.waiting:
                world.doubts.append(f"{self.contact.id}: {self.kind} while its events wait")
        elif self.kind == "merged":
            self._merged(world, lead, now)
        else:
            world.tell(lead, f"contact_{self.kind}", {}, now)
        if self.winner is not None and self.winner.properties.get("context"):
            world.follow_context(self.portal, self.winner)

    def _owner(self, world: World, lead: Lead | None, now: int) -> None:
        assert self.contact is not None
        assistant = self.portal.is_assistant(self.contact.owner)
        if assistant is not None:
            world.lead_starts(self.portal, self.contact, assistant, now)
        elif lead is not None and self.portal.is_assistant(self.owner_before):
            world.tell(lead, "unassigned", {}, now)
        elif lead is not None and not lead.finished:
            world.doubt_about(lead, "from one person to another while in progress")

    def _merged(self, world: World, lead: Lead, now: int) -> None:
        assert self.winner is not None
        key = (self.portal.name, self.winner.id)
        if key in world.waiting:
            world.doubt_about(lead, "events wait for the contact it is merged into")
        other = world.leads.get(key)
        world.seen.situations[f"merged into a {'lead' if other else 'contact'}"] += 1
        data = {"into": self.winner.id, "winner_is_lead": other is not None}
        world.tell(lead, "contact_merged", data, now)
        if other is not None:
            return
        world.leads[key] = lead
        held = self.portal.owners[lead.assistant] == self.winner.owner
        if not lead.finished and not held:
            world.doubt_about(lead, "merged into a contact that a person holds")
            world.tell(lead, "unassigned", {}, now)
