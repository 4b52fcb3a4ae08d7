"""One identity provider: where browsers are sent, and what is believed of what they bring back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from authlib.common.urls import add_params_to_uri
from authlib.integrations.requests_client.oauth2_session import OAuth2ClientAuth
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.client import OAuth2Client
from authlib.oidc.core import UserInfo

from gateway.agents.deadline import within
from gateway.clock import Clock
from gateway.config import OidcSettings
from gateway.oidc.attempts import Attempt
from gateway.oidc.documents import Documents, Doors
from gateway.oidc.line import Line
from gateway.oidc.refusals import Denied, NotVouched, ProviderAway
from gateway.oidc.tokens import UnknownKey, read_id_token
from gateway.people.identities import Vouched

DEADLINE_S = 10.0
"""For all that one sign-in asks of the provider."""
CALLBACK = "/console/login/oidc/callback"
_LONGEST_CODE = 4_096


class _Client(OAuth2Client):  # type: ignore[misc]
    client_auth_class = OAuth2ClientAuth


class Provider:
    """Sends people to the provider and reads its answers. Threads may share it."""

    def __init__(self, settings: OidcSettings, *, public_url: str, clock: Clock) -> None:
        """Asks nothing yet."""
        self.name = settings.name
        self._settings = settings
        self._public_url = public_url
        self._clock = clock
        self._line = Line()
        self._documents = Documents(settings.issuer, self._line, clock)

    def address(self, attempt: Attempt) -> str:
        """Where the browser goes to sign in there; raise ProviderAway."""
        with within(DEADLINE_S):
            doors = self._documents.doors()
        url, _ = self._client(doors).create_authorization_url(
            doors.authorization,
            state=attempt.state,
            code_verifier=attempt.verifier,
            nonce=attempt.nonce,
        )
        return str(url)

    def who(self, attempt: Attempt, answer: Mapping[str, str]) -> Vouched:
        """Who came back, by the query of the provider's redirect.

        The state has been compared. Raises Denied, NotVouched, ProviderAway.
        """
        with within(DEADLINE_S):
            doors = self._documents.doors()
            said = answer.get("iss")
            # RFC 9207: an answer of another provider's, mixed in, ends here.
            if said != self._settings.issuer and (said is not None or doors.names_issuer):
                raise NotVouched("the answer is another provider's")
            if "error" in answer:
                raise Denied("the provider said no")
            code = answer.get("code", "")
            if not 0 < len(code) <= _LONGEST_CODE:
                raise NotVouched("the answer holds no code")
            token = self._exchanged(doors, code, attempt.verifier)
            access_token = token.get("access_token")
            access_token = access_token if isinstance(access_token, str) else ""
            claims = self._claims(token, attempt.nonce, access_token)
            return self._vouched(self._completed(doors, claims, access_token))

    def farewell(self) -> str | None:
        """Where one signs out of the provider as well; None if it has no such door."""
        with within(DEADLINE_S):
            doors = self._documents.doors()
        if doors.end_session is None:
            return None
        back = f"{self._public_url}/console/login"
        told = [("client_id", self._settings.client_id), ("post_logout_redirect_uri", back)]
        return str(add_params_to_uri(doors.end_session, told))

    def _client(self, doors: Doors) -> OAuth2Client:
        secret = self._settings.client_secret
        if not secret:
            method = "none"
        elif "client_secret_basic" in doors.auth_methods or (
            "client_secret_post" not in doors.auth_methods
        ):
            method = "client_secret_basic"
        else:
            method = "client_secret_post"
        return _Client(
            self._line,
            client_id=self._settings.client_id,
            client_secret=secret or None,
            token_endpoint_auth_method=method,
            scope=" ".join(self._settings.scopes),
            redirect_uri=self._public_url + CALLBACK,
            code_challenge_method="S256",
        )

    def _exchanged(self, doors: Doors, code: str, verifier: str) -> Mapping[str, Any]:
        """What a code is worth."""
        try:
            token: Mapping[str, Any] = self._client(doors).fetch_token(
                doors.token, grant_type="authorization_code", code=code, code_verifier=verifier
            )
        except OAuth2Error as error:
            if error.error in ("invalid_client", "unauthorized_client"):
                raise ProviderAway("it does not take our client_id and client_secret") from None
            raise NotVouched("the provider does not take the code") from None
        except (ValueError, TypeError):
            raise ProviderAway("its token endpoint answers no JSON object") from None
        return token

    def _claims(self, token: Mapping[str, Any], nonce: str, access_token: str) -> Mapping[str, Any]:
        try:
            return self._read(token, nonce, access_token, unknown=False)
        except UnknownKey:  # it has new keys, perhaps
            return self._read(token, nonce, access_token, unknown=True)

    def _read(
        self, token: Mapping[str, Any], nonce: str, access_token: str, *, unknown: bool
    ) -> Mapping[str, Any]:
        return read_id_token(
            token.get("id_token"),
            self._documents.keys(unknown=unknown),
            issuer=self._settings.issuer,
            client_id=self._settings.client_id,
            nonce=nonce,
            access_token=access_token,
            now=self._clock.now().timestamp(),
        )

    def _completed(
        self, doors: Doors, claims: Mapping[str, Any], access_token: str
    ) -> Mapping[str, Any]:
        """The claims, with what the provider tells only at its userinfo door."""
        path = self._settings.role_claim
        whole = "email" in claims and (
            not path or path in claims or path.partition(".")[0] in claims
        )
        if whole or doors.userinfo is None or not access_token:
            return claims
        more = UserInfo(self._line.get(doors.userinfo, token=access_token))
        if more.get("sub") != claims["sub"]:
            raise NotVouched("the userinfo is somebody else's")
        if "email" not in claims:  # whether it is verified is told beside it, and nowhere else
            claims = {name: value for name, value in claims.items() if name != "email_verified"}
        return {**more, **claims}

    def _vouched(self, claims: Mapping[str, Any]) -> Vouched:
        # True itself: what says "true" was written by whoever may write words there.
        proven = claims.get("email_verified") is True
        return Vouched(
            issuer=self._settings.issuer,
            subject=claims["sub"],
            email=(_sound(claims.get("email")) or None) if proven else None,
            name=_sound(claims.get("name")),
            groups=_words(claims, self._settings.role_claim),
        )


def _sound(value: Any) -> str:
    """A text that can be kept; empty for anything else."""
    try:
        return value if isinstance(value, str) and value.encode() else ""
    except UnicodeEncodeError:  # half a surrogate pair
        return ""


def _words(claims: Mapping[str, Any], path: str) -> frozenset[str]:
    """What the claim at a path says: a word, or a list of them.

    A claim's name may hold dots itself (`https://acme.example/roles`).
    """
    found: Any = claims.get(path) if path else None
    if found is None and path:
        found = claims
        for step in path.split("."):
            found = found.get(step) if isinstance(found, Mapping) else None
    words = [found] if isinstance(found, str) else found if isinstance(found, list) else []
    return frozenset(word for word in words if isinstance(word, str))
