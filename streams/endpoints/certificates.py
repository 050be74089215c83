"""What a server's certificate says, and why one does not hold, in words."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

_ANOTHER_HOST, _EXPIRED, _NOT_YET_VALID, _SELF_SIGNED = (62, 64), 10, 9, (18, 19)
_UNKNOWN_AUTHORITY = (2, 20, 21)
"""OpenSSL's numbers for why a certificate does not hold (X509_V_ERR_...)."""

_DAY_SECONDS = 24 * 60 * 60
_NAMES_SHOWN = 3


def told(certificate: Mapping[str, Any], *, now: float) -> str:
    """Return whom a certificate, as ``getpeercert`` gives it, is for, until when, and who says so."""
    ends = ssl.cert_time_to_seconds(certificate["notAfter"])
    date = datetime.fromtimestamp(ends, UTC).strftime("%Y-%m-%d")
    return (
        f"for {_names(certificate)}, until {date} ({int((ends - now) // _DAY_SECONDS)} days), by {_issuer(certificate)}"
    )


def _names(certificate: Mapping[str, Any]) -> str:
    names = [name for _, name in certificate.get("subjectAltName", ())]
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return ", ".join(names[:_NAMES_SHOWN]) + more


def _issuer(certificate: Mapping[str, Any]) -> str:
    issuer = {key: value for pairs in certificate.get("issuer", ()) for key, value in pairs}
    return issuer.get("organizationName") or issuer.get("commonName") or "an authority without a name"


def flaw_of(error: ssl.SSLError) -> tuple[str, str]:
    """Return why TLS did not come about, and what to do."""
    if not isinstance(error, ssl.SSLCertVerificationError):
        return _of_handshake(error.reason or "")
    said = error.verify_message
    if error.verify_code in _ANOTHER_HOST:
        return f"the certificate is for another host: {said}", "write the host that it is for, or mend the certificate"
    if error.verify_code == _EXPIRED:
        return f"the certificate has expired: {said}", "ask who runs the server to renew it, or set this clock"
    if error.verify_code == _NOT_YET_VALID:
        return f"the certificate is not valid yet: {said}", "set the clocks, here and where it was issued"
    if error.verify_code in _SELF_SIGNED:
        remedy = "have it issued by a known authority, or add its authority to this system's"
        return f"nobody vouches for the certificate: {said}", remedy
    if error.verify_code in _UNKNOWN_AUTHORITY:
        remedy = "let the server send its whole chain, or add the authority to this system's"
        return f"the certificate's authority is not known here: {said}", remedy
    return f"the certificate does not hold: {said}", "ask who runs the server to mend it"


def _of_handshake(reason: str) -> tuple[str, str]:
    if reason in {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"}:
        return f"no TLS is spoken there ({reason})", "see whether the port is right, or the URL should begin with http:"
    if "CERTIFICATE" in reason:
        return (
            f"the server wants a certificate of ours ({reason})",
            "use an endpoint that takes OAuth2 or a secret header",
        )
    if "PROTOCOL_VERSION" in reason or "HANDSHAKE_FAILURE" in reason:
        return f"no common version of TLS ({reason})", "let the server speak TLS 1.2 or 1.3"
    return f"the handshake failed ({reason or 'no reason is given'})", "ask who runs the server what its log says"
