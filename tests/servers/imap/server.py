"""Dovecot with one user, `letter`, whose Maildir is `inbox` in the printed folder.

Must stay true: nothing of the machine's own mail is read or changed; everything is in the folder that goes at the end.
"""
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

FOLDER = Path(tempfile.mkdtemp(prefix="reveille-test-"))
PASSWORD = "cnry-mailbox"
DOVECOT = None


def end(*_):
    if DOVECOT:
        DOVECOT.terminate()
        try:
            DOVECOT.wait(5)
        except subprocess.TimeoutExpired:
            DOVECOT.kill()
    shutil.rmtree(FOLDER, ignore_errors=True)
    os._exit(0)


def wait_for_the_end():
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def certificates():
    """An authority, and what it signed for this machine."""
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=FOLDER, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    (FOLDER / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=test authority", "-days", "3650",
            "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign")
    openssl("req", *key, "-keyout", "key.pem", "-out", "request.pem", "-subj", "/CN=localhost")
    openssl("x509", "-req", "-in", "request.pem", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", "cert.pem",
            "-days", "3650", "-extfile", "names")


def free_ports(count):
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listener.getsockname()[1] for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports


def users():
    """Who runs what: as root dovecot insists on other users, otherwise all is one."""
    if os.geteuid() == 0:
        return "dovecot", "dovenull", "nobody"
    own = pwd.getpwuid(os.geteuid()).pw_name
    return own, own, own


def configuration(plain, tls):
    internal, login, mail = users()
    own = pwd.getpwnam(mail)
    inbox = FOLDER / "inbox"
    for name in ("new", "cur", "tmp"):
        (inbox / name).mkdir(parents=True)
    for path in [FOLDER, inbox, *inbox.iterdir()]:
        os.chmod(path, 0o777)
    (FOLDER / "users").write_text("letter:{PLAIN}%s:%d:%d::%s::\n" % (PASSWORD, own.pw_uid, own.pw_gid, FOLDER))
    config = f"""
protocols = imap
listen = 127.0.0.1
base_dir = {FOLDER}/run
state_dir = {FOLDER}/state
log_path = {FOLDER}/log
default_internal_user = {internal}
default_login_user = {login}
first_valid_uid = 1
first_valid_gid = 1
ssl = yes
ssl_cert = <{FOLDER}/cert.pem
ssl_key = <{FOLDER}/key.pem
disable_plaintext_auth = no
auth_failure_delay = 0
mail_location = maildir:{inbox}
mail_fsync = never
mailbox_list_index = no
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {FOLDER}/users
}}
userdb {{
  driver = passwd-file
  args = {FOLDER}/users
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {plain}
  }}
  inet_listener imaps {{
    port = {tls}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
"""
    if os.geteuid() != 0:
        # Sockets for the only user that there is.
        config += f"default_internal_group = {pwd.getpwnam(internal).pw_name}\n"
    (FOLDER / "dovecot.conf").write_text(config)


def listens(port):
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as line:
            line.settimeout(5)
            return line.recv(16).startswith(b"* OK")
    except OSError:
        return False


for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, end)
threading.Thread(target=wait_for_the_end, daemon=True).start()
certificates()
PLAIN, TLS = free_ports(2)
configuration(PLAIN, TLS)
DOVECOT = subprocess.Popen(["dovecot", "-F", "-c", str(FOLDER / "dovecot.conf")], stdin=subprocess.DEVNULL, stdout=sys.stderr)
while not listens(PLAIN):
    if DOVECOT.poll() is not None:
        log = FOLDER / "log"
        sys.stderr.write(log.read_text() if log.exists() else "dovecot did not start\n")
        shutil.rmtree(FOLDER, ignore_errors=True)
        sys.exit(1)
    time.sleep(0.05)
ready = {"plain_port": PLAIN, "tls_port": TLS, "user": "letter", "password": PASSWORD, "ca": str(FOLDER / "ca.pem"), "folder": str(FOLDER)}
print(json.dumps(ready), flush=True)
signal.pause()
while True:
    signal.pause()
