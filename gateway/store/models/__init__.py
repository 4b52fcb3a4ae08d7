"""The tables. Every rule that must hold is a constraint; times are microseconds since 1970, UTC.

Ids from outside are never keys by themselves: a conversation's is unique within its installation,
a fact's within its conversation.
"""

from gateway.store.models.audit import AuditEntry, AuditHorizon, KnownConfiguration
from gateway.store.models.backfills import Backfill, PastConversation
from gateway.store.models.base import Base, Json, Micros
from gateway.store.models.contacts import (
    Contact,
    ContactChange,
    ContactDetail,
    ContactIdentity,
    ContactJoin,
    ContactParting,
    ContactPush,
)
from gateway.store.models.feed import EventDelivery, JournalHead, JournalRow, Subscriber
from gateway.store.models.files import FileRow
from gateway.store.models.inside import (
    IdempotentAnswer,
    Operator,
    OperatorIdentity,
    OperatorLink,
    PasswordGuess,
    Signin,
    Token,
)
from gateway.store.models.installing import AppConsent, AppInstallation
from gateway.store.models.owed import Claim, Push, TurnRow
from gateway.store.models.passes import Doubt, Reconciliation, Repair
from gateway.store.models.people import DayOff, OperatorAvatar, Team, TeamMember, WaitMail
from gateway.store.models.privacy import ErasedIdentity, Erasure
from gateway.store.models.record import (
    UNPLACED,
    ChatSession,
    Conversation,
    FactRow,
    InboxDelivery,
    Installation,
    Message,
    Staff,
)
from gateway.store.models.seen import OperatorReadMark, Rating, ReadMark
from gateway.store.models.visitors import Visitor
from gateway.store.models.watch import (
    Alert,
    AlertNotice,
    AnswerMinute,
    FindingRow,
    HeardHour,
    HeardTopic,
    Sighting,
)
from gateway.store.models.work import Draft, Offer, StretchRow

__all__ = [
    "UNPLACED",
    "Alert",
    "AlertNotice",
    "AnswerMinute",
    "AppConsent",
    "AppInstallation",
    "AuditEntry",
    "AuditHorizon",
    "Backfill",
    "Base",
    "ChatSession",
    "Claim",
    "Contact",
    "ContactChange",
    "ContactDetail",
    "ContactIdentity",
    "ContactJoin",
    "ContactParting",
    "ContactPush",
    "Conversation",
    "DayOff",
    "Doubt",
    "Draft",
    "ErasedIdentity",
    "Erasure",
    "EventDelivery",
    "FactRow",
    "FileRow",
    "FindingRow",
    "HeardHour",
    "HeardTopic",
    "IdempotentAnswer",
    "InboxDelivery",
    "Installation",
    "JournalHead",
    "JournalRow",
    "Json",
    "KnownConfiguration",
    "Message",
    "Micros",
    "Offer",
    "Operator",
    "OperatorAvatar",
    "OperatorIdentity",
    "OperatorLink",
    "OperatorReadMark",
    "PasswordGuess",
    "PastConversation",
    "Push",
    "Rating",
    "ReadMark",
    "Reconciliation",
    "Repair",
    "Sighting",
    "Signin",
    "Staff",
    "StretchRow",
    "Subscriber",
    "Team",
    "TeamMember",
    "Token",
    "TurnRow",
    "Visitor",
    "WaitMail",
]
