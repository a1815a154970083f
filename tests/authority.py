"""A certificate authority of the tests' own, by openssl: who trusts it trusts its receivers, and nobody else does."""

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Authority:
    folder: Path

    @property
    def certificate(self) -> Path:
        return self.folder / "ca.pem"

    def context_for(self, name: str, *, days: int = 2) -> ssl.SSLContext:
        """What a server of that name needs; with `days` below zero its certificate has expired."""
        key, request, signed = (self.folder / f"{name}.{kind}" for kind in ("key", "csr", "pem"))
        extensions = self.folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName=DNS:{name}\nextendedKeyUsage=serverAuth\n", encoding="ascii")
        _openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", request, "-subj", f"/CN={name}")
        ca = ["-CA", self.certificate, "-CAkey", self.folder / "ca.key", "-CAcreateserial"]
        _openssl("x509", "-req", "-in", request, *ca, "-out", signed, "-days", str(days), "-extfile", extensions)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(signed, key)
        return context


def authority(folder: Path) -> Authority:
    folder.mkdir(parents=True, exist_ok=True)
    made = Authority(folder)
    _openssl(
        *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=Authority of the tests"),
        *("-keyout", folder / "ca.key", "-out", made.certificate),
        *("-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign"),
    )
    return made


def _openssl(*arguments: str | Path) -> None:
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
