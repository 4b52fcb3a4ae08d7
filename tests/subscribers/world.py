"""A gateway with subscribers, and short ways to let its worker work and to see what came."""

import base64
import json
from typing import Any

from gateway.sync.events import Events
from tests.api.house import House
from tests.watch.servers import Posts

SECRET = "whsec_" + base64.b64encode(b"a subscriber's own secret").decode()


class World:
    def __init__(self, house: House, posts: dict[str, Posts]) -> None:
        self.house = house
        self.posts = posts
        self.events = Events(house.parts)
        self.work()  # who is new is told of what happens from now on

    def work(self, advance_s: float = 0) -> int:
        """Do all that is due, as a drain would; how many pieces that were."""
        self.house.clock.advance(advance_s)
        done = 0
        while keys := self.events.due(50):
            for key in keys:
                self.events.do(key)
            done += len(keys)
            assert done < 500
        return done

    def got(self, name: str) -> list[Any]:
        """The bodies that a subscriber got, each time that it did."""
        return [json.loads(body) for _, body in self.posts[name].got]

    def types(self, name: str) -> list[str]:
        return [event["type"] for event in self.got(name)]

    def ids(self, name: str) -> list[str]:
        return [headers["webhook-id"] for headers, _ in self.posts[name].got]

    def deliveries(self, name: str, state: str | None = None) -> list[Any]:
        query = f"?state={state}" if state else ""
        return list(self.house.get(f"/subscribers/{name}/deliveries{query}").json["items"])

    def state(self, name: str) -> Any:
        items = self.house.get("/subscribers").json["items"]
        return next(item for item in items if item["id"] == name)
