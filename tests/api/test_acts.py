"""Acting on sessions through the API: the sentences, the modes, the markers."""

from tests.api.house import House


def test_a_handover_silences_the_ai_at_once(house: House) -> None:
    session = house.session()
    answer = house.post(f"/sessions/{session}/handover", {"reason": "upset"})
    assert answer.status_code == 200, answer.text
    told = answer.json
    assert told["message"] == "Session set to operator"
    assert told["in_flight"] == 0
    assert told["session"]["mode"] == "human"
    assert house.get(f"/sessions/{session}").json == told["session"]
