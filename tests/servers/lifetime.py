"""How long a test server lives: until standard input closes or SIGTERM comes; then its folder goes too.

Must stay true: everything that a server writes is in the folder that `begin` returns; a test that is killed leaves no server.
"""
import os
import shutil
import signal
import sys
import tempfile
import threading
from pathlib import Path


def begin():
    """Makes the server's temporary folder, where its libraries put their files too. Called before they are imported."""
    folder = tempfile.mkdtemp(prefix="reveille-test-")
    tempfile.tempdir = folder

    def end(*_):
        shutil.rmtree(folder, ignore_errors=True)
        sys.stdout.flush()
        os._exit(0)  # at once: a client that holds a connection does not hold the end

    def wait():
        while os.read(0, 4096):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    threading.Thread(target=wait, daemon=True).start()
    return Path(folder)
