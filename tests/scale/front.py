"""How do tests have a real nginx before several processes? By the configuration as it is shipped, on free ports."""

import os
import ssl
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
from tests.authority import Authority, authority
from tests.scale.programs import HOST, ROOT, adapted, program, running
from tests.story.processes import free_port

NAME = "numbers.example.com"
CERTIFIED = "localhost"
_WAYS_OF_TLS = "    listen 443 ssl http2;\n    listen [::]:443 ssl http2;\n"
_WAYS = "    listen 80;\n    listen [::]:80;\n"


@dataclass(frozen=True)
class Front:
    """nginx. `plain_port` is where it does not speak TLS."""

    folder: Path
    port: int
    plain_port: int
    authority: Authority

    @property
    def url(self) -> str:
        return f"https://{CERTIFIED}:{self.port}"

    def client(self, key: str | None = None) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(
            base_url=self.url,
            verify=ssl.create_default_context(cafile=self.authority.certificate),
            headers={"host": NAME} | ({"x-api-key": key} if key else {}),
            timeout=90,
        )

    def answered_by(self) -> list[str]:
        """For each request the processes that it was sent to, in order; joined by a comma and a space."""
        return (self.folder / "access.log").read_text().splitlines()


@contextmanager
def front(
    folder: Path, processes: Sequence[str], *, tls: bool = True, changes: Mapping[str, str] | None = None
) -> Iterator[Front]:
    """Before these addresses. Without TLS, which a load generator has no wish to measure, all else is the same.

    `changes` are those that the README has for some.
    """
    folder.mkdir()
    made = Front(folder, free_port(), free_port(), authority(folder / "authority"))
    made.authority.context_for(CERTIFIED)
    shipped = adapted(
        ROOT / "deploy/nginx/nambari.conf",
        {
            "    server 127.0.0.1:8000 max_fails=1 fail_timeout=2s;\n": "".join(
                f"    server {each} max_fails=1 fail_timeout=2s;\n" for each in processes
            ),
            "    server 127.0.0.1:8001 max_fails=1 fail_timeout=2s;\n": "",
            _WAYS: f"    listen {HOST}:{made.plain_port};\n",
            _WAYS_OF_TLS: f"    listen {HOST}:{made.port}{' ssl http2' if tls else ''};\n",
            "/etc/letsencrypt/live/numbers.example.com/fullchain.pem": f"{folder}/authority/{CERTIFIED}.pem",
            "/etc/letsencrypt/live/numbers.example.com/privkey.pem": f"{folder}/authority/{CERTIFIED}.key",
            **(changes or {}),
        },
    )
    (folder / "nambari.conf").write_text(shipped)
    temporary = "".join(
        f"{each}_temp_path {folder}/{each};\n" for each in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off;\npid {folder}/pid;\nworker_processes 1;\n{_user()}events {{ worker_connections 512; }}\n"
        f"http {{\nlog_format upstreams '$upstream_addr';\naccess_log {folder}/access.log upstreams;\n"
        f"{temporary}include {folder}/nambari.conf;\n}}\n"
    )
    executable = str(program("nginx"))
    options = ["-p", str(folder), "-e", f"{folder}/error.log", "-c", f"{folder}/nginx.conf"]
    tested = subprocess.run([executable, *options, "-t"], capture_output=True, text=True, check=False)
    assert tested.returncode == 0, tested.stderr
    with running([executable, *options], made.port, folder / "log"):
        yield made


def _user() -> str:
    """Started by root it would become another, who may not enter the folders of tests."""
    return "user root;\n" if os.geteuid() == 0 else ""
