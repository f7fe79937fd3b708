//! The real servers that tests speak to: each is a script of `tests/servers`, installed once, started on a free port of
//! 127.0.0.1, with its state in a temporary folder of its own.
//!
//! Must stay true: a server ends with the value that started it, also when the test is killed (its standard input closes), and
//! leaves nothing behind; two tests at once, or two clones, never wait for each other but for the one install.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::Method;
use reqwest::blocking::Client;
use serde_json::Value;

/// How long a server may take to end by itself.
const PATIENCE: Duration = Duration::from_secs(10);

/// A stand-in for a Mastodon server, with one account of ours and two readers who follow it.
#[derive(Debug)]
pub struct Mastodon {
    /// Its address, without a slash at the end.
    pub url: String,
    /// The token of our account, `@letter`.
    pub token: String,
    /// The tokens of the readers, `@ada` and `@grace`: to like, boost and reply.
    pub readers: Vec<String>,
    /// The process.
    pub process: Process,
}

/// Bluesky's own personal data server, with one account. No AppView stands behind it: `app.bsky.feed.getPosts` answers 400.
#[derive(Debug)]
pub struct Pds {
    /// Its address, without a slash at the end.
    pub url: String,
    /// The account's handle.
    pub handle: String,
    /// The account's DID.
    pub did: String,
    /// The account's password: no program should be given it.
    pub password: String,
    /// An app password of the account.
    pub app_password: String,
    /// The process.
    pub process: Process,
}

/// Mail servers: one that takes everything, one with STARTTLS and login, one with TLS from the first byte and login.
///
/// The local part of a recipient says what happens: `reject` is refused with 550, `later` with 451; at `drop` the line is cut before
/// the reply to RCPT, and at `lost` after the message was stored and before the reply to DATA. The reply to a message that was taken
/// is `250 2.0.0 Ok: queued as ID`.
#[derive(Debug)]
pub struct Smtp {
    /// The port without TLS and login.
    pub plain_port: u16,
    /// The port with STARTTLS and then login.
    pub secure_port: u16,
    /// The port with TLS from the first byte, and login. Its messages are among the secure ones.
    pub tls_port: u16,
    /// The name to log in with.
    pub user: String,
    /// Its password.
    pub password: String,
    /// The authority that signed the certificate of `localhost` and 127.0.0.1 (PEM).
    pub ca: PathBuf,
    /// The process.
    pub process: Process,
}

/// Dovecot with one mailbox, `letter`.
#[derive(Debug)]
pub struct Imap {
    /// The port in clear, with STARTTLS.
    pub plain_port: u16,
    /// The port with TLS from the first byte.
    pub tls_port: u16,
    /// The name to log in with.
    pub user: String,
    /// Its password.
    pub password: String,
    /// The authority that signed the certificate of `localhost` and 127.0.0.1 (PEM).
    pub ca: PathBuf,
    /// The process.
    pub process: Process,
}

impl Imap {
    /// Starts it.
    ///
    /// # Panics
    /// When it can't be started.
    #[must_use]
    pub fn start() -> Self {
        let process = Process::start("imap");
        Self {
            plain_port: process.port("plain_port"),
            tls_port: process.port("tls_port"),
            user: process.text("user"),
            password: process.text("password"),
            ca: process.text("ca").into(),
            process,
        }
    }

    /// Delivers a message: its number orders it among the others.
    ///
    /// # Panics
    /// When the folder can't be written.
    pub fn deliver(&self, number: u32, message: &[u8]) {
        let inbox = self.process.folder().join("inbox");
        let name = format!("{}.M{number}.test", 1_795_000_000 + number);
        let done = std::fs::write(inbox.join("tmp").join(&name), message)
            .and_then(|()| std::fs::rename(inbox.join("tmp").join(&name), inbox.join("new").join(&name)));
        done.unwrap_or_else(|error| panic!("{}: {error}", inbox.display()));
        // Whoever reads mail there is another user.
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o666);
        let _ = std::fs::set_permissions(inbox.join("new").join(&name), open);
    }

    /// The messages' files with their flags, as they are now: a message that was marked or deleted has another name, or none.
    ///
    /// # Panics
    /// When the folder can't be read.
    #[must_use]
    pub fn files(&self) -> Vec<String> {
        let inbox = self.process.folder().join("inbox");
        let names = |folder: &str| {
            let entries = std::fs::read_dir(inbox.join(folder)).unwrap_or_else(|error| panic!("{folder}: {error}"));
            entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect::<Vec<_>>()
        };
        let mut all = [names("new"), names("cur")].concat();
        all.sort();
        all
    }
}

impl Mastodon {
    /// Starts one; the first time it is installed before.
    ///
    /// # Panics
    /// When it can't be installed or started.
    #[must_use]
    pub fn start() -> Self {
        let process = Process::start("mastodon");
        let readers = process.ready["readers"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
        Self { url: process.text("url"), token: process.text("token"), readers, process }
    }

    /// Adds a rule for requests to come, before they reach the server: nothing is written where one applies. The first rule that
    /// fits is taken, `count` times. For example
    /// `{"match": {"methods": ["POST"], "path": "/api/v1/statuses"}, "effect": {"type": "status", "status": 500}, "count": 1}`;
    /// `path` may hold `*`; other effects are `ratelimit` (with `headers`), `latency` and `timeout` (with `delay_ms`), `malformed`.
    ///
    /// # Panics
    /// When the server does not take the rule.
    pub fn fault(&self, rule: &Value) {
        let _ = call(&Method::POST, &format!("{}/api/v1/_mock/faults", self.url), None, Some(rule));
    }

    /// Removes all rules.
    ///
    /// # Panics
    /// When the server does not answer.
    pub fn clear_faults(&self) {
        let _ = call(&Method::DELETE, &format!("{}/api/v1/_mock/faults", self.url), None, None);
    }

    /// All statuses of our account, the newest first. A rule of [`Mastodon::fault`] that fits holds for these requests too.
    ///
    /// # Panics
    /// When the server does not answer.
    #[must_use]
    pub fn statuses(&self) -> Vec<Value> {
        let account = self.get("/api/v1/accounts/verify_credentials");
        let page = format!("/api/v1/accounts/{}/statuses?limit=40", account["id"].as_str().unwrap_or_default());
        let mut all = Vec::new();
        loop {
            let older = all.last().and_then(|status: &Value| status["id"].as_str()).map(|id| format!("&max_id={id}"));
            let next = list(&self.get(&format!("{page}{}", older.unwrap_or_default())));
            if next.is_empty() {
                return all;
            }
            all.extend(next);
        }
    }

    fn get(&self, path: &str) -> Value {
        call(&Method::GET, &format!("{}{path}", self.url), Some(&self.token), None)
    }
}

impl Pds {
    /// Starts one; the first time it is installed before, which takes a minute or two.
    ///
    /// # Panics
    /// When it can't be installed or started.
    #[must_use]
    pub fn start() -> Self {
        let process = Process::start("pds");
        Self {
            url: process.text("url"),
            handle: process.text("handle"),
            did: process.text("did"),
            password: process.text("password"),
            app_password: process.text("app_password"),
            process,
        }
    }

    /// All posts of the account as records (`uri`, `cid`, `value`), the newest key first.
    ///
    /// # Panics
    /// When the server does not answer.
    #[must_use]
    pub fn posts(&self) -> Vec<Value> {
        let page = format!("{}/xrpc/com.atproto.repo.listRecords?repo={}&collection=app.bsky.feed.post&limit=100", self.url, self.did);
        let mut all = Vec::new();
        let mut cursor = String::new();
        loop {
            let answer = call(&Method::GET, &format!("{page}{cursor}"), None, None);
            all.extend(list(&answer["records"]));
            match answer["cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return all,
            }
        }
    }
}

impl Smtp {
    /// Starts them; the first time they are installed before.
    ///
    /// # Panics
    /// When they can't be installed or started.
    #[must_use]
    pub fn start() -> Self {
        let process = Process::start("smtp");
        Self {
            plain_port: process.port("plain_port"),
            secure_port: process.port("secure_port"),
            tls_port: process.port("tls_port"),
            user: process.text("user"),
            password: process.text("password"),
            ca: process.folder().join("ca.pem"),
            process,
        }
    }

    /// What was taken without TLS, in the order of its coming: a `Return-Path` line and a `Delivered-To` line for each recipient of
    /// the envelope, then the message as it came, to the byte.
    ///
    /// # Panics
    /// When the folder can't be read.
    #[must_use]
    pub fn plain_messages(&self) -> Vec<Vec<u8>> {
        messages(&self.process.folder().join("plain/new"))
    }

    /// How many [`Smtp::plain_messages`] there are.
    ///
    /// # Panics
    /// When the folder can't be read.
    #[must_use]
    pub fn plain_count(&self) -> usize {
        std::fs::read_dir(self.process.folder().join("plain/new")).map_or(0, Iterator::count)
    }

    /// What was taken over TLS, as [`Smtp::plain_messages`].
    ///
    /// # Panics
    /// When the folder can't be read.
    #[must_use]
    pub fn secure_messages(&self) -> Vec<Vec<u8>> {
        messages(&self.process.folder().join("secure/new"))
    }
}

fn messages(folder: &Path) -> Vec<Vec<u8>> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))).collect()
}

fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

/// A call of the support itself: JSON in, JSON out.
fn call(method: &Method, url: &str, token: Option<&str>, body: Option<&Value>) -> Value {
    let client = Client::builder().no_proxy().timeout(Duration::from_secs(60)).build();
    let mut request = client.unwrap_or_else(|error| panic!("{error}")).request(method.clone(), url);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    if let Some(body) = body {
        request = request.header("content-type", "application/json").body(body.to_string());
    }
    let answer = request.send().unwrap_or_else(|error| panic!("{method} {url}: {error}"));
    let status = answer.status();
    let text = answer.text().unwrap_or_else(|error| panic!("{method} {url}: {error}"));
    assert!(status.is_success(), "{method} {url}: {status} {text}");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{method} {url}: {error} in {text}"))
}

/// The process of a server.
#[derive(Debug)]
pub struct Process {
    child: Child,
    /// Closed first of all when it shall end.
    input: Option<ChildStdin>,
    /// Held open, so that a word of the server does not end it.
    _output: BufReader<ChildStdout>,
    ready: Value,
}

/// The script that installs and starts a server.
#[must_use]
pub fn script(name: &str) -> Command {
    let mut command = Command::new(repository_file(&format!("tests/servers/{name}/run")));
    command.arg(installs().join(name)).stdin(Stdio::piped()).stdout(Stdio::piped());
    command
}

fn repository_file(path: &str) -> PathBuf {
    crate::repository().join(path)
}

/// Where servers are installed: `test-servers` in the target folder, or what `REVEILLE_TEST_SERVERS` says, for clones that share.
pub(crate) fn installs() -> PathBuf {
    let own = || {
        let exe = std::env::current_exe().unwrap_or_default();
        // target/release/deps/suite-… → target/test-servers
        exe.ancestors().nth(3).unwrap_or(Path::new(".")).join("test-servers")
    };
    std::env::var_os("REVEILLE_TEST_SERVERS").map_or_else(own, PathBuf::from)
}

impl Process {
    /// Starts a script and waits for the line that says that it is ready.
    fn start(name: &str) -> Self {
        let mut child = script(name).spawn().unwrap_or_else(|error| panic!("tests/servers/{name}/run: {error}"));
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else { panic!("{name}: no pipes") };
        let mut output = BufReader::new(output);
        let mut line = String::new();
        let read = output.read_line(&mut line);
        let ready = serde_json::from_str(&line).unwrap_or_default();
        let process = Self { child, input: Some(input), _output: output, ready };
        assert!(process.ready.is_object(), "tests/servers/{name}/run did not start ({read:?}, {line:?}); what it says stands above");
        process
    }

    /// The process's number.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The temporary folder that holds all its state.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        self.text("folder").into()
    }

    fn text(&self, name: &str) -> String {
        self.ready[name].as_str().unwrap_or_else(|| panic!("no {name} in {}", self.ready)).to_owned()
    }

    fn port(&self, name: &str) -> u16 {
        let port = self.ready[name].as_u64().and_then(|port| port.try_into().ok());
        port.unwrap_or_else(|| panic!("no {name} in {}", self.ready))
    }

    /// Kills it at once, as a server that goes away in the middle. Its folder stays until this value is dropped.
    ///
    /// # Panics
    /// When it can't be killed.
    pub fn kill(&mut self) {
        let done = self.child.kill().and_then(|()| self.child.wait());
        let _ = done.unwrap_or_else(|error| panic!("{error}"));
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.input.take());
        let begun = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) && begun.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(5));
        }
        if matches!(self.child.try_wait(), Ok(Some(status)) if status.success()) {
            return; // it took its folder with it
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(folder) = self.ready["folder"].as_str() {
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}
