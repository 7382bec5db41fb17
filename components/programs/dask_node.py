"""Runs a command as a member of a Dask cluster: `dask_node.py dask scheduler ...`, `dask_node.py python script.py`.

All members derive the key of one certificate authority from the cluster's secret, so whoever holds the secret is let in
and nobody else; no certificate has to be handed round.
"""

import datetime
import hashlib
import os
import sys
import tempfile
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Order of the curve P-256 (FIPS 186-4, D.1.2.3)."""
YEARS = 20
"""A certificate ends with its cluster's secret, long before."""
AUTHORITY = "dask-cluster"


def key_of(secret: str) -> ec.EllipticCurvePrivateKey:
    """The key of the cluster's own certificate authority."""
    number = int.from_bytes(hashlib.sha512(b"dask:" + secret.encode()).digest(), "big") % (ORDER - 1) + 1
    return ec.derive_private_key(number, ec.SECP256R1())


def certificate(subject: str, key: ec.EllipticCurvePublicKey, authority: ec.EllipticCurvePrivateKey) -> bytes:
    """A certificate of the authority for `key`; for the authority's own key, the authority's certificate.

    Every member makes the authority's certificate anew: they differ in their signature alone, and verifying a member
    takes only the authority's name and key.
    """
    own = key.public_numbers() == authority.public_key().public_numbers()
    start = datetime.datetime(2025, 1, 1, tzinfo=datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, AUTHORITY)]))
        .public_key(key)
        .serial_number(1 if own else x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=365 * YEARS))
        .add_extension(x509.BasicConstraints(ca=own, path_length=0 if own else None), critical=True)
        .sign(authority, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM)


def stored(file: Path, content: bytes) -> str:
    """A file that only its owner reads."""
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
        stream.write(content)
    return str(file)


def main() -> None:
    """Write this member's key and certificates, tell Dask, and become the command."""
    authority, own = key_of(os.environ["CLUSTER_PASSWORD"]), ec.generate_private_key(ec.SECP256R1())
    # mkdtemp makes it 0700; HOME is this member's own directory.
    folder = Path(tempfile.mkdtemp(prefix="tls-", dir=os.environ.get("HOME")))
    trusted = stored(folder / "authority.pem", certificate(AUTHORITY, authority.public_key(), authority))
    pem = own.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ) + certificate("member", own.public_key(), authority)
    member = stored(folder / "member.pem", pem)
    tls = "DASK_DISTRIBUTED__COMM__TLS__"
    os.environ |= {
        f"{tls}CA_FILE": trusted,
        **{f"{tls}{role}__{part}": member for role in ("SCHEDULER", "WORKER", "CLIENT") for part in ("KEY", "CERT")},
        "DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION": "true",
    }
    command, *arguments = sys.argv[1:]
    found = sys.executable if command == "python" else str(Path(sys.executable).with_name(command))
    os.execv(found, [found, *arguments])


if __name__ == "__main__":
    main()
