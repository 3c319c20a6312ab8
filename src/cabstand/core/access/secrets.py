"""Keys and secrets: made, hashed, sealed (design 3.9)."""

import hashlib
import hmac
import os
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cabstand.core.access.model import Environment

WEBHOOK = "webhook"
"""The purpose under which the secrets of webhooks are sealed."""
_PREFIX = {Environment.SANDBOX: "cbs_test_", Environment.LIVE: "cbs_live_"}
_NONCE = 12


class SealBroken(Exception):
    """A sealed secret does not open: it was sealed under another CABSTAND_SECRET_KEY."""

    def __str__(self) -> str:
        return type(self).__doc__ or ""


def new_key(environment: Environment) -> str:
    """A key of 192 random bits with a prefix that tells its environment."""
    return _PREFIX[environment] + secrets.token_urlsafe(24)


def new_client_id() -> str:
    """The name of an OAuth client; no secret."""
    return "cbs_fleet_" + secrets.token_hex(8)


def new_fleet_token() -> str:
    """What a fleet sends beside its tokens all its life: 192 random bits."""
    return "cbs_constant_" + secrets.token_urlsafe(24)


def new_token() -> str:
    """A token that counts for a while: 256 random bits."""
    return secrets.token_urlsafe(32)


def key_hash(key: str) -> bytes:
    """SHA-256: enough for a key that nobody chose."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()


def hint(key: str) -> str:
    """The first characters, to recognise a key by."""
    return key[:13]


def same(a: str, b: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(a.encode(), b.encode())


class Seal:
    """Seals secrets that must be sent or shown later: AES-256-GCM, a fresh nonce each time."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def close(self, secret: str, *, purpose: str) -> bytes:
        """`purpose` is bound in: a sealed secret opens only for what it was sealed for."""
        nonce = os.urandom(_NONCE)
        return nonce + self._cipher.encrypt(nonce, secret.encode(), purpose.encode())

    def open(self, sealed: bytes, *, purpose: str) -> str:
        """Raises SealBroken."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], purpose.encode()).decode()
        except InvalidTag:
            raise SealBroken from None
