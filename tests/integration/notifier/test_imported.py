"""Of imported history nobody hears, and people whom it brought are told nothing, whatever happens at the desk later."""

from pathlib import Path

from events.contracts.ticket import TicketAssigned, TicketStatusChanged
from tests.integration.notifier.office import Outside, data_of, office

GIVEN = TicketAssigned(requester="anna", assignee="alf", before={"assignee": None}, after={"assignee": "alf"})
RESOLVED = TicketStatusChanged(requester="anna", assignee="alf", before={"status": "open"}, after={"status": "resolved"})


async def test_what_was_imported_is_news_to_nobody(tmp_path: Path) -> None:
    async with office(tmp_path) as there:
        await there.admin("alf", "anna")
        for event, type_ in ((GIVEN, "ticket.assigned"), (RESOLVED, "ticket.status_changed")):
            there.tickets.add("ticket/1", type_, data_of(event), actorid="ada", imported=True)
        await there.hear()
        assert (there.told(), there.jobs()) == ({}, [])


async def test_who_can_never_sign_in_is_told_nothing_by_any_way(tmp_path: Path) -> None:
    mail = Outside()
    async with office(tmp_path, {"email": mail}) as there:
        await there.admin("alf", can_sign_in=False)
        await there.admin("anna", role="user", can_sign_in=False)
        there.tickets.add("ticket/1", "ticket.status_changed", data_of(RESOLVED), actorid="ada")
        await there.assign("alf")
        await there.escalate(assignee="alf")
        await there.finish()
        assert (there.told(), there.unread(), there.jobs(), mail.seen) == ({}, {}, [], [])


async def test_who_takes_over_from_somebody_imported_is_told(tmp_path: Path) -> None:
    async with office(tmp_path) as there:
        await there.admin("alf", can_sign_in=False)
        await there.admin("bea")
        passed_on = TicketAssigned(requester="anna", assignee="bea", before={"assignee": "alf"}, after={"assignee": "bea"})
        there.tickets.add("ticket/1", "ticket.assigned", data_of(passed_on), actorid="ada")
        await there.hear()
        assert there.told() == {"bea": 1}


async def test_somebody_of_whom_auth_has_not_told_yet_is_told(tmp_path: Path) -> None:
    async with office(tmp_path) as there:
        await there.assign("cleo")
        assert there.told() == {"cleo": 1}
