"""Connections that are kept: one after another on the same, none reads what is another's."""

from __future__ import annotations

import http.client
import json

from intercom_standin.cast import BOT_ADMIN_ID
from intercom_standin.server import StandIn


def test_requests_follow_each_other_on_one_connection() -> None:
    with StandIn(mode="manual", keeps_connections=True) as standin:
        thread = standin.world.customer_starts("Hello", name="Cleo").conversation_id
        connection = http.client.HTTPConnection(standin.base_url.removeprefix("http://"))
        headers = {"Authorization": f"Bearer {standin.token}", "Content-Type": "application/json"}
        said = {"message_type": "comment", "type": "admin", "admin_id": str(BOT_ADMIN_ID)}
        sockets = set()
        for number in range(3):
            body = json.dumps({**said, "body": f"<p>{number}</p>"})
            # Refused before its body is read, and the next one begins behind it all the same.
            for path, status in (("/nowhere", 404), (f"/conversations/{thread}/reply", 200)):
                connection.request("POST", path, body, headers)
                sockets.add(connection.sock)
                answer = connection.getresponse()
                assert (answer.status, json.loads(answer.read()) is not None) == (status, True)
        assert len(sockets) == 1
        connection.close()
        parts = standin.world.conversations[thread].parts
        assert [str(part.body)[-5:] for part in parts if part.body][-3:] == [
            "0</p>",
            "1</p>",
            "2</p>",
        ]
