"""What admins look after, a module per page."""

from fastapi import APIRouter

from web.front import PageRoute
from web.pages.admin import erasure, jobs, overview, parked, people, policies, system

router = APIRouter(route_class=PageRoute, include_in_schema=False)
for _part in (overview, people, erasure, jobs, parked, policies, system):
    router.routes.extend(_part.router.routes)
