"""A stand-in for a Mastodon server on 127.0.0.1: one account that we use and two readers who follow it.

Prints one JSON line when it listens: url, token, readers (their tokens), folder. The state is gone when it ends.
"""
import contextlib
import json
import socket
import sys

sys.path.insert(0, sys.path[0] + "/..")
import lifetime

FOLDER = lifetime.begin()

import uvicorn
from mastodon_mock.app import create_app
from mastodon_mock.config import MastodonMockConfig, SeedAccount, SeedConfig, SeedFollow

TOKEN = "cnry-token-of-the-letter"
READERS = {"ada": "cnry-token-of-ada", "grace": "cnry-token-of-grace"}


def seed():
    accounts = [SeedAccount(username="letter", display_name="The Letter", access_token=TOKEN)]
    accounts += [SeedAccount(username=name, access_token=token) for name, token in READERS.items()]
    return SeedConfig(accounts=accounts, follows=[SeedFollow(follower=name, following="letter") for name in READERS])


class Server(uvicorn.Server):
    def capture_signals(self):
        return contextlib.nullcontext()  # `lifetime` has them

    async def startup(self, sockets=None):
        await super().startup(sockets=sockets)
        ready = {"url": "http://" + DOMAIN, "token": TOKEN, "readers": list(READERS.values()), "folder": str(FOLDER)}
        print(json.dumps(ready), flush=True)


listener = socket.create_server(("127.0.0.1", 0), backlog=128)
DOMAIN = "127.0.0.1:%d" % listener.getsockname()[1]
app = create_app(MastodonMockConfig(domain=DOMAIN, url_scheme="http", seed=seed(), media_storage_path=str(FOLDER / "media")))
# The stand-in names itself in `Server`, as a real one does.
Server(uvicorn.Config(app, log_level="warning", server_header=False)).run(sockets=[listener])
