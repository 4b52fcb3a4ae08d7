"""Who gets in: tokens, roles, and nobody else."""

from sqlalchemy import update

from gateway.store.models import Operator, Token
from tests.api.house import House

HEADERS = (
    None,
    "",
    "Bearer",
    "Bearer ",
    "Basic b3BlcmF0b3I6",
    "Bearer gwt_" + "a" * 43,
    "Bearer gwt_" + "a" * 42,
    "Bearer \x7f",
    "Bearer gwt_'; DROP TABLE tokens; --",
    "Bearer " + "x" * 5000,
    "Bearer gwt_ünïcödé",
)


def test_without_a_token_that_holds_nobody_gets_in(house: House) -> None:
    session = house.session()
    for header in HEADERS:
        headers = {} if header is None else {"Authorization": header}
        for method, path in (("GET", "/sessions"), ("POST", f"/sessions/{session}/handover")):
            answer = house.call(method, path, None, headers=headers)
            assert answer.status_code == 401, header
            assert answer.json is not None
            assert answer.json["error"]["code"] == "not_authentic"
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert house.get(f"/sessions/{session}").json["mode"] == "ai"


def test_the_scheme_has_no_case(house: House) -> None:
    headers = {"Authorization": f"bEaReR {house.tokens['viewer']}"}
    assert house.call("GET", "/sessions", None, headers=headers).status_code == 200


def test_a_revoked_token_is_worthless_at_once(house: House) -> None:
    assert house.get("/sessions").status_code == 200
    house.database.write(
        lambda db: db.execute(
            update(Token)
            .where(Token.operator_id == house.ids["operator"])
            .values(revoked_at=house.now)
        )
    )
    assert house.get("/sessions").status_code == 401
    assert house.get("/sessions", role="admin").status_code == 200


def test_a_new_role_holds_from_the_next_call(house: House) -> None:
    session = house.session()
    house.database.write(
        lambda db: db.execute(
            update(Operator).where(Operator.id == house.ids["operator"]).values(role="viewer")
        )
    )
    assert house.post(f"/sessions/{session}/handover").status_code == 403


def test_the_document_needs_no_token(house: House) -> None:
    assert house.get("/openapi.json", role=None).status_code == 200
