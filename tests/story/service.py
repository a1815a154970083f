"""Stands in for `nambari serve` until there is one: `python service.py serve --host HOST --port PORT`."""

import os
import socket
import sys

import uvicorn

from nambari import server
from nambari.db.migrate import migrate
from nambari.settings import read
from nambari.wiring import attach_server


def serve(host: str, port: int) -> None:
    settings = read(os.environ)
    try:
        listening = socket.create_server((host, port))
    except OSError as error:
        sys.exit(f"{host}:{port} cannot be served: {os.strerror(error.errno or 0).lower()}")
    database = attach_server(settings)
    try:
        migrate(database.dsn)
        uvicorn.Server(server.configure(settings, database.dsn, host, port)).run([listening])
    finally:
        database.close()


if __name__ == "__main__":
    try:
        serve(sys.argv[3], int(sys.argv[5]))
    except KeyboardInterrupt:
        sys.exit(130)
