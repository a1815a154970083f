"""How do tests have a real PgBouncer? By the configuration as it is shipped, before whichever server they name."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.scale.programs import HOST, ROOT, adapted, as_nobody, handed_over, program, running
from tests.story.processes import free_port


@contextmanager
def pgbouncer(folder: Path, host: str, port: int, database: str, sessions: int) -> Iterator[str]:
    """The URL of the database through it. `host` may be the folder of a socket."""
    handed_over(folder)
    own_port = free_port()
    (folder / "users.txt").write_text('"nambari" ""\n')
    (folder / "pgbouncer.ini").write_text(
        adapted(
            ROOT / "deploy/pgbouncer/pgbouncer.ini",
            {
                "nambari = host=127.0.0.1 port=5432 dbname=nambari": f"{database} = host={host} port={port}",
                "listen_port = 6432": f"listen_port = {own_port}",
                "auth_type = scram-sha-256": "auth_type = trust",
                "/etc/pgbouncer/userlist.txt": f"{folder}/users.txt",
                "default_pool_size = 20": f"default_pool_size = {sessions}",
                "pidfile = /run/postgresql/pgbouncer.pid": f"pidfile = {folder}/pgbouncer.pid",
            },
        )
    )
    handed_over(folder)
    executable = program("pgbouncer")
    command = [*as_nobody(executable, folder), str(executable), f"{folder}/pgbouncer.ini"]
    with running(command, own_port, folder / "log"):
        yield f"postgresql://nambari@{HOST}:{own_port}/{database}"
