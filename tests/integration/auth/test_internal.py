"""What peers and the operator ask of auth."""

import hashlib

from tests.integration.auth.visitors import PASSWORD, Desk, bearer, problem, sign_in

ADMIN = {"name": "Ada", "email": "ada@example.org", "password": PASSWORD}


async def test_the_door_for_peers_is_shut_to_everybody_else(desk: Desk) -> None:
    calls: dict[str, object] = {"principal": {"kind": "session", "digest": "0" * 64}, "users/admin": ADMIN, "demo": None}
    async with desk.browser() as eve, desk.signed_in("ada", admin=True) as ada:
        for path, body in calls.items():
            for client in (eve, ada):
                for headers in ({}, {"x-ste-credential": "guess"}):
                    assert problem(await client.post(f"/internal/{path}", json=body, headers=headers)) == (403, "not-permitted")


async def test_a_peer_learns_whose_credential_it_is_and_nothing_of_what_is_nobodys(desk: Desk) -> None:
    async with desk.signed_in("anna") as anna, desk.house.peer("auth") as peer:
        token = (await anna.post("/api/auth/tokens", json={"name": "robot", "scopes": ["read"]})).json()
        me = (await anna.get("/api/auth/me")).json()

        async def ask(kind: str, secret: str) -> object:
            digest = hashlib.sha256(secret.encode()).hexdigest()
            answer = await peer.post("/internal/principal", json={"kind": kind, "digest": digest, "address": "192.0.2.7", "agent": "x"})
            assert answer.status_code == 200
            return answer.json()["principal"]

        whose = {"id": me["id"], "name": "anna", "email": "anna@example.org", "role": "user"}
        (session,) = desk.sessions()
        assert await ask("session", anna.cookies["sid"]) == {
            **whose,
            "kind": "user",
            "scopes": [],
            "session": session["id"],
            "token": None,
        }
        assert await ask("token", token["token"]) == {**whose, "kind": "token", "scopes": ["read"], "session": None, "token": token["id"]}
        assert await ask("session", token["token"]) is None
        assert await ask("token", anna.cookies["sid"]) is None
        assert await ask("session", "made-up") is None
        was = anna.cookies["sid"]
        await anna.post("/api/auth/logout")
        assert await ask("session", was) is None


async def test_the_operator_makes_the_first_admin_and_the_services_cannot(desk: Desk) -> None:
    async with desk.house.peer("auth", "operator") as operator, desk.house.peer("auth") as peer, desk.browser() as ada:
        assert problem(await peer.post("/internal/users/admin", json=ADMIN)) == (403, "not-permitted")
        made = await operator.post("/internal/users/admin", json=ADMIN)
        assert (made.status_code, made.json()["role"]) == (201, "admin")
        assert problem(await operator.post("/internal/users/admin", json={**ADMIN, "email": "ADA@example.org"})) == (409, "email-taken")
        assert problem(await operator.post("/internal/users/admin", json={**ADMIN, "password": "password"})) == (422, "invalid")
        assert (await sign_in(ada, "ada")).status_code == 200
        assert (await ada.get("/api/auth/users")).status_code == 200
    (stored,) = [stored for stored in desk.log() if stored.type == "user.registered"]
    assert (stored.actorkind, stored.actorid, stored.imported) == ("system", "auth", False)


async def test_the_demo_is_made_once_in_an_empty_store(desk: Desk) -> None:
    async with desk.house.peer("auth", "operator") as operator, desk.browser() as ada:
        first = (await operator.post("/internal/demo")).json()["users"]
        assert sorted(first) == ["admina", "adminb", "usera", "userb", "userc", "userd"]
        assert (await operator.post("/internal/demo")).json()["users"] == first
        answer = await ada.post("/api/auth/login", json={"email": "admina@example.com", "password": "demo123"})
        assert (answer.json()["role"], answer.json()["id"]) == ("admin", first["admina"])
    made = [stored for stored in desk.log() if stored.type == "user.registered"]
    assert len(made) == 6
    assert all(stored.imported for stored in made)


async def test_a_store_that_is_in_use_gets_no_demo(desk: Desk) -> None:
    await desk.register("anna")
    async with desk.house.peer("auth", "operator") as operator:
        assert (await operator.post("/internal/demo")).json() == {"users": {}}


async def test_a_token_in_the_wrong_place_is_nobodys(desk: Desk) -> None:
    async with desk.signed_in("anna") as anna, desk.browser() as eve:
        token = (await anna.post("/api/auth/tokens", json={"name": "robot"})).json()["token"]
        for headers in (
            {"cookie": f"sid={token}"},
            {"authorization": f"Basic {token}"},
            {"x-ste-user": "anna"},
            bearer(anna.cookies["sid"]),
        ):
            assert problem(await eve.get("/api/auth/me", headers=headers)) == (401, "not-signed-in")
