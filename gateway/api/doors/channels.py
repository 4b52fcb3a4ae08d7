"""Doors to the channels: which there are, and what is wrong with them."""

from __future__ import annotations

from flask import Response

from gateway.api.rooms import Room
from gateway.api.schemas.channels import ChannelListSchema, HealthSchema
from gateway.channels.base import Channel
from gateway.clock import to_micros
from gateway.errors import NotFound
from gateway.rails.answers import json_answer
from gateway.watch.looking import health
from gateway.wiring import Parts


def channel_of(parts: Parts, name: str) -> Channel:
    """The channel of that name. Raises NotFound."""
    channel = parts.channels.get(name)
    if channel is None:
        raise NotFound("there is no such channel")
    return channel


def add_channel_doors(room: Room, parts: Parts) -> None:
    """Add the doors that every role may use."""
    database = parts.database

    @room.door("GET", "/channels", gives=ChannelListSchema)
    def list_channels() -> Response:
        """List the channels, and whether they are healthy"""
        now = to_micros(parts.clock.now())
        items = []
        for name, channel in parts.channels.items():
            with database.read() as db:
                wrong = parts.watched[name].look(db, now).wrong
            items.append(
                {
                    "name": name,
                    "kind": channel.kind,
                    "agent": channel.agent,
                    "healthy": not wrong,
                    "wrong": wrong,
                    "app": channel.app,
                    "title": channel.title,
                    "paused": channel.paused,
                }
            )
        return json_answer({"items": items, "next_cursor": None})

    @room.door("GET", "/channels/<name>/health", gives=HealthSchema)
    def get_channel_health(name: str) -> Response:
        """Get everything that is known about a channel's health"""
        watched = parts.watched.get(name)
        if watched is None:
            raise NotFound("there is no such channel")
        with database.read() as db:
            return json_answer(health(db, watched, to_micros(parts.clock.now())))
