"""Beliefs over HTTP: told and observed, asked why, read as they were, retracted, and settled where a guess stands against a word."""

from uuid import UUID, uuid4

import httpx
from calling import Home, counted, problem

from empla.bdi import beliefs
from empla.bdi.beliefs import Evidence
from empla.mind import why as reasons
from empla.storage.database import Database

EDGES = 2


def at(home: Home, path: str = "") -> str:
    return f"/v1/employees/{home.own}/beliefs{path}"


async def observed(caller: httpx.AsyncClient, home: Home, value: object, **more: object) -> dict[str, object]:
    sent = {"subject": "pipeline", "predicate": "coverage", "object": value, **more}
    response = await caller.post(at(home), json=sent)
    assert response.status_code == 200, response.text
    return response.json()


async def test_what_is_told_is_believed_and_why_adds_up(manager: httpx.AsyncClient, database: Database, ours: Home):
    sent = {"subject": "pipeline", "predicate": "coverage", "object": 2.4, "reason": "I counted them."}
    with counted(database, EDGES + 1):
        told = await manager.post(at(ours, "/tell"), json=sent)
    assert (told.json()["object"], told.json()["source"]) == (2.4, "told_by_human")
    with counted(database, EDGES + 1):
        got = await manager.get(at(ours, f"/{told.json()['id']}"))
    assert got.json() == {**told.json(), "confidence": got.json()["confidence"]}  # which decays from moment to moment
    answer = (await manager.get(at(ours, f"/{told.json()['id']}/why"))).json()
    async with database.read(ours.operator) as tx:
        same = await reasons.why(tx, employee=ours.own, subject="pipeline", predicate="coverage")
    assert answer == {**same.model_dump(mode="json"), "asked_at": answer["asked_at"], "belief": answer["belief"]}
    assert answer["log_odds"] == sum(ground["weight"] for ground in answer["grounds"])
    (change,) = answer["history"]
    assert (change["reason"], change["actor_id"]) == ("I counted them.", str(ours.people["manager"]))


async def test_a_belief_is_read_as_it_was(manager: httpx.AsyncClient, ours: Home):
    first = await observed(manager, ours, 2, occurred_at="2026-01-01T09:00:00Z")
    since = (await manager.get(at(ours, "/history"))).json()["items"][0]["changed_at"]
    await observed(manager, ours, 3, occurred_at="2026-01-02T09:00:00Z")
    now = (await manager.get(at(ours))).json()["items"]
    then = (await manager.get(at(ours), params={"as_of": since})).json()["items"]
    assert ([each["object"] for each in now], [each["object"] for each in then]) == ([3], [2])
    why = await manager.get(at(ours, f"/{first['id']}/why"), params={"as_of": since})
    assert why.json()["belief"]["object"] == 2
    long_ago = await manager.get(at(ours, f"/{first['id']}/why"), params={"as_of": "2001-01-01"})
    assert problem(long_ago, 404, "not-found")["detail"].startswith("nothing was believed about pipeline.coverage at")
    for moment in ("yesterday", "9999-12-31T23:59:59-01:00"):
        problem(await manager.get(at(ours), params={"as_of": moment}), 422, "invalid")


async def test_beliefs_are_read_in_pages_now_and_then(manager: httpx.AsyncClient, ours: Home):
    news = [{"subject": name, "predicate": what, "object": 1} for name in ("a", "b") for what in ("x", "y", "z")]
    assert len((await manager.post(at(ours, "/batch"), json={"news": news})).json()["items"]) == 6
    last = (await manager.get(at(ours, "/history"), params={"limit": 1})).json()["items"][0]["changed_at"]
    for filters, expected in (({}, 6), ({"as_of": last}, 6), ({"subject": "b"}, 3), ({"predicate": "y"}, 2)):
        names, cursor = list[tuple[str, str]](), None
        while True:
            turn = {**filters, "limit": "2", **({"cursor": cursor} if cursor else {})}
            page = (await manager.get(at(ours), params=turn)).json()
            names += [(each["subject"], each["predicate"]) for each in page["items"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert names == sorted(set(names))
        assert len(names) == expected
    changes, cursor = list[str](), None
    for _ in range(3):
        turn = {"limit": "2", **({"cursor": cursor} if cursor else {})}
        page = (await manager.get(at(ours, "/history"), params=turn)).json()
        changes += [each["id"] for each in page["items"]]
        cursor = page["next_cursor"]
    assert (len(set(changes)), cursor) == (6, None)


async def test_what_is_retracted_is_gone_and_history_says_why(
    manager: httpx.AsyncClient, database: Database, ours: Home
):
    belief = await observed(manager, ours, 2)
    path = at(ours, f"/{belief['id']}")
    problem(await manager.post(f"{path}/retract", json={"reason": " "}), 422, "invalid")
    with counted(database, EDGES + 1):
        gone = await manager.post(f"{path}/retract", json={"reason": "Of another team."})
    assert (gone.status_code, gone.content) == (204, b"")
    problem(await manager.get(path), 404, "not-found")
    problem(await manager.post(f"{path}/retract", json={"reason": "Again."}), 404, "not-found")
    told = (await manager.get(at(ours, "/history"), params={"belief": str(belief["id"])})).json()["items"]
    assert (told[0]["change_type"], told[0]["reason"]) == ("deleted", "Of another team.")


async def test_a_guess_against_a_word_is_settled_once(manager: httpx.AsyncClient, ours: Home):
    await observed(manager, ours, 3, source="told_by_human")
    await observed(manager, ours, 1, source="inference")
    path = f"/v1/employees/{ours.own}/conflicts"
    (conflict,) = (await manager.get(path)).json()["items"]
    assert (conflict["held"], conflict["claimed"]) == (3, 1)
    decision = {"decision": "overturn", "reason": "The guess is right."}
    problem(
        await manager.post(f"/v1/employees/{ours.colleague}/conflicts/{conflict['id']}/settle", json=decision),
        404,
        "not-found",
    )
    settled = await manager.post(f"{path}/{conflict['id']}/settle", json=decision)
    assert (settled.json()["status"], settled.json()["resolved_by"]) == ("overturned", str(ours.people["manager"]))
    assert [each["object"] for each in (await manager.get(at(ours))).json()["items"]] == [1]
    assert (await manager.get(path)).json()["items"] == []
    assert (await manager.get(path, params={"status": "all"})).json()["items"] == [settled.json()]
    again = problem(await manager.post(f"{path}/{conflict['id']}/settle", json=decision), 409, "conflict")
    assert again["detail"] == "this conflict is overturned already"


async def test_bad_evidence_is_told_in_one_sentence(manager: httpx.AsyncClient, ours: Home):
    sent = {"subject": "pipeline", "predicate": "coverage", "object": 1}
    for more, status, detail in (
        ({"occurred_at": "2999-01-01T00:00:00Z"}, 422, "evidence about pipeline.coverage lies in the future"),
        ({"rests_on": [str(uuid4())]}, 422, "only an inference rests on beliefs, not observation"),
        ({"rests_on": [str(uuid4())], "source": "inference"}, 404, "what an inference rests on is not believed"),
        ({"occurred_at": "2026-01-01T00:00:00"}, 422, "occurred_at needs a time zone"),
    ):
        response = await manager.post(at(ours), json={**sent, **more})
        told = problem(response, status, "invalid" if status == 422 else "not-found")
        assert detail in told["detail"]
    assert (await manager.get(at(ours))).json()["items"] == []


async def test_nothing_of_the_batch_is_heard_when_one_piece_is_wrong(manager: httpx.AsyncClient, ours: Home):
    good = {"subject": "pipeline", "predicate": "coverage", "object": 1}
    news = [good, {**good, "occurred_at": "2999-01-01T00:00:00Z"}]
    problem(await manager.post(at(ours, "/batch"), json={"news": news}), 422, "invalid")
    assert (await manager.get(at(ours))).json()["items"] == []


async def test_a_user_reads_what_those_believe_whom_he_looks_after(
    user: httpx.AsyncClient, database: Database, ours: Home
):
    async with database.write(ours.operator) as tx:
        piece = Evidence.parse(subject="pipeline", predicate="coverage", object=1)
        found: dict[UUID, UUID] = {
            who: (await beliefs.observe(tx, employee=who, piece=piece)).id for who in (ours.own, ours.colleague)
        }
    for who, status in ((ours.own, 200), (ours.colleague, 404)):
        assert (await user.get(f"/v1/employees/{who}/beliefs/{found[who]}")).status_code == status
        listed = (await user.get(f"/v1/employees/{who}/beliefs")).json()["items"]
        assert [each["id"] for each in listed] == ([str(found[who])] if status == 200 else [])
    # The belief of one is not read by the way of another.
    problem(await user.get(at(ours, f"/{found[ours.colleague]}")), 404, "not-found")
