"""One policy while somebody changes it: the form with what is typed, trying it on what has been, saving it."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from starlette.responses import Response

from events.errors import Unavailable
from web import policy_form, policy_words, what_if, words
from web.notices import Notice
from web.policy_form import Draft
from web.preferences import zones
from web.refusals import Refused
from web.visit import Visit

Policy = dict[str, Any]
_POLICIES = "/api/escalations/policies"
_PATIENCE = 120.0
"""Seconds for a simulation: it reads the whole history."""
_PEOPLE, _TICKETS = 12, 50
"""How many of those whom it concerns are shown."""
_NOTHING: dict[str, Any] = {"errors": {}, "problem": None, "tried": None, "theirs": None, "typed": None}


async def read_policies(visit: Visit) -> tuple[list[Policy], str]:
    """Return the policies, and the version of the set."""
    answer = await visit.call("GET", "escalator", _POLICIES)
    return answer.json()["policies"], answer.headers.get("etag", "").strip('"')


def one(policies: list[Policy], name: str | None) -> Policy | None:
    """Return the policy of a name."""
    return next((policy for policy in policies if policy["name"] == name), None)


@dataclass(frozen=True, slots=True)
class Editing:
    """`name` is that of the policy, None for a new one; `version` is the set's that the form was made from."""

    visit: Visit
    name: str | None
    draft: Draft
    version: str
    over: str = "90"
    past: bool = False

    def page(self, status: int = 200, **context: Any) -> Response:
        """Return the form; `context` says what became of what was sent."""
        shown = {
            "name": self.name,
            "draft": self.draft,
            "version": self.version,
            "range": self.over,
            "past": self.past,
            "forms": policy_form,
            "ranges": what_if.RANGES,
            "zones": sorted(zones()),
        }
        return self.visit.page("admin_policy.html", status=status, **shown, **{**_NOTHING, **context})

    # -- trying ------------------------------------------------------------------------------------------------------------------------

    async def attempt(self) -> Response:
        """Return the form with what the policy would have done over the range that was chosen."""
        policy, errors = self.draft.policy()
        if errors:
            return self.page(422, errors=errors)
        now = self.visit.now
        since = "1970-01-01T00:00:00Z" if self.over == "all" else (now - timedelta(days=int(self.over))).isoformat()
        body = {"policy": policy, "since": since, "until": now.isoformat()}
        try:
            answer = await self.visit.call("POST", "escalator", "/api/escalations/simulate", body=body, within=_PATIENCE)
        except Refused as refused:
            return self._refused(refused, refused.facts, 2)
        return self.page(tried=await self._drawn(answer.json()))

    async def _drawn(self, answer: dict[str, Any]) -> dict[str, Any]:
        """Return what a simulation found, with its charts and with names."""
        people = answer["by_person"][:_PEOPLE]
        ids = [each["id"] for each in people if each["id"] is not None]
        found = await asyncio.gather(*(self.visit.maybe("auth", f"/api/auth/users/{id_}") for id_ in ids))
        names = {None: "All admins", **{person["id"]: person["name"] or "erased person" for person in found if person}}
        most = max([max(each["total"], each["current"]) for each in people], default=0) or 1
        return {
            "answer": answer,
            "verdict": what_if.verdict(answer),
            "days": what_if.chart_of(answer["by_day"], self.visit.now.date()),
            "priorities": what_if.priorities_of(answer["by_priority"], words.PRIORITIES),
            "people": [{**each, "name": names.get(each["id"], "Somebody"), "most": most} for each in people],
            "only_new": answer["only_new"][:_TICKETS],
            "only_current": answer["only_current"][:_TICKETS],
        }

    # -- saving ------------------------------------------------------------------------------------------------------------------------

    async def save(self) -> Response:
        """Put the policy in the place of what it was. What others did meanwhile to other policies stays, to this one it is shown."""
        policy, errors = self.draft.policy()
        if errors:
            return self.page(422, errors=errors)
        found, now = await read_policies(self.visit)
        theirs = one(found, self.name)
        if self.name is None and one(found, policy["name"]) is not None:
            return self.page(409, errors={"name": "There is a policy of this name already."})
        if self.name is not None and now != self.version and not self._begun_from(theirs):
            return self._stale(theirs, now)
        others = [other for other in found if other["name"] != policy["name"]]
        try:
            await self._put([*others, policy], now, past=self.past)
        except Refused as refused:
            if refused.slug == "stale":
                found, now = await read_policies(self.visit)
                return self._stale(one(found, self.name), now)
            mine = [error for error in refused.facts.get("errors") or () if list(error["loc"])[2:3] == [len(others)]]
            return self._refused(refused, {"errors": mine}, 3)
        return self.visit.go("/admin/policies", Notice(f"The policy {policy['name']} is saved, and deadlines are counted by it."))

    async def remove(self, *, sure: bool) -> Response:
        """Take the policy away; one that somebody else changed meanwhile is shown first."""
        if not sure:
            return self.page(422, errors={"sure": "Tick that you are sure."})
        found, now = await read_policies(self.visit)
        theirs = one(found, self.name)
        if theirs is not None:
            if not self._begun_from(theirs):
                return self._stale(theirs, now)
            await self._put([policy for policy in found if policy is not theirs], now, past=False)
        return self.visit.go("/admin/policies", Notice(f"The policy {self.name} is taken away. What it escalated stays escalated."))

    async def _put(self, policies: list[Policy], version: str, *, past: bool) -> None:
        body = {"policies": policies, "apply_to_past": past}
        await self.visit.call("PUT", "escalator", _POLICIES, body=body, headers={"If-Match": f'"{version}"'})

    def _begun_from(self, policy: Policy | None) -> bool:
        return policy is not None and policy_form.fixed(policy) == self.draft.base

    def _stale(self, theirs: Policy | None, version: str) -> Response:
        """Return the form with both: what is typed, and what somebody else has saved. Saved once more, what is typed stands."""
        mine, _ = self.draft.policy()
        said = {"policy": theirs, "told": policy_words.told(theirs) if theirs else [], "mine": policy_words.told(mine)}
        draft = replace(self.draft, base=policy_form.fixed(theirs) if theirs else "")
        return replace(self, draft=draft, version=version).page(409, theirs=said)

    def _refused(self, refused: Refused, facts: Mapping[str, Any], prefix: int) -> Response:
        """Return the form with what is wrong at each field; the first `prefix` parts of a place lead to the policy."""
        if refused.status == 503:
            raise Unavailable(refused.detail, 5)
        if refused.status not in (400, 409, 422):
            raise refused
        errors = policy_form.errors_of(facts, prefix)
        return self.page(refused.status, errors=errors, problem=None if errors else refused)
