"""auth, declared."""

from functools import partial

from fastapi import FastAPI

from auth import erasing, import_routes, importing, internal, naming, own, queries, routes, two_factor_routes, two_factor_store
from auth.decider import USER
from auth.dependencies import AuthParts
from auth.passwords import Passwords
from auth.presence import Presence
from auth.projections import Users
from auth.revocations import tell
from auth.sealing import Sealing
from auth.sweeping import sweep
from chassis.app import create_app as create
from chassis.principals import beats
from chassis.server import GRACE
from chassis.service import Running, Service
from chassis.settings import Settings


def build(running: Running) -> AuthParts:
    """Return auth's parts. It answers from its own store who somebody is, and lets the others know when that changes."""
    presence = Presence(running.store, running.environment)
    passwords = Passwords(running.secrets["pepper"], cost=running.settings.unsafe_bcrypt_cost)

    async def keep_presence() -> None:
        await presence.keep(running.writer)

    async def stop_hashing() -> None:
        """Whoever waits to be hashed could wait for longer than requests may take to end: those are sent away in time."""
        await running.stopping.wait()
        await running.environment.sleep(GRACE - 1)
        passwords.close()

    async def sweep_sessions() -> None:
        await sweep(running.writer, running.environment)

    return AuthParts(
        passwords=passwords,
        sealing=Sealing(running.secrets["pepper"]),
        presence=presence,
        routers=[
            routes.router,
            erasing.router,
            own.router,
            two_factor_routes.router,
            two_factor_routes.internal,
            internal.router,
            erasing.internal,
            naming.router,
            import_routes.router,
        ],
        projections=[Users()],
        tasks=[partial(beats, running), partial(tell, running), keep_presence, stop_hashing],
        leader_tasks=[sweep_sessions, partial(erasing.erase_the_marked, running)],
        erases=erasing.STEPS,
        resolver=presence.resolve,
    )


SERVICE = Service(
    name="auth",
    title="Accounts",
    description="Accounts, sessions and API tokens: who somebody is, and how they prove it.",
    migrations="auth.migrations",
    build=build,
    folds={"user": USER},
    loaders={
        "email": queries.load_holders,
        "hash": queries.load_hashes,
        "sessions": queries.load_sessions,
        "tokens": queries.load_tokens,
        "admins": queries.load_admins,
        two_factor_store.TWO_FACTOR: two_factor_store.load_two_factors,
        two_factor_store.CHALLENGES: two_factor_store.load_challenges,
        importing.KIND: importing.load,
    },
)


def create_app(settings: Settings) -> FastAPI:
    """Return the service as an ASGI application."""
    return create(SERVICE, settings)
