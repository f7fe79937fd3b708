//! The local mail program, for a machine with a mail server of its own: `sendmail -i -f FROM -- TO`.
//!
//! Must stay true: no shell is asked and no word of a mail is an option; what the program says by its exit code (sysexits.h)
//! is believed only where it means that nothing was taken; it gets no variable that could be a secret of ours.

use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::Duration;

use reveille_mission::Channel;

use super::super::Fault;
use super::fit::{refused, said};
use super::mail::Ready;
use super::{MailServer, NotTaken, later};

/// How often is looked whether the program has ended.
const LOOK: Duration = Duration::from_millis(5);

/// `EX_NOUSER` and `EX_NOHOST`: there is no such address.
const NO_ADDRESS: [i32; 2] = [67, 68];
/// `EX_TEMPFAIL`
const TRY_LATER: i32 = 75;

/// A local mail program.
pub(super) struct Sendmail {
    program: PathBuf,
    patience: Duration,
    environment: Vec<(OsString, OsString)>,
}

impl Sendmail {
    pub(super) fn new(server: &MailServer) -> Result<Self, Fault> {
        let local = server.address.host_str().is_none_or(str::is_empty) && server.address.path().len() > 1;
        if !local || server.user.is_some() || server.password.is_some() {
            return Err(refused("`sendmail:///path/to/sendmail` is a program on this machine: it has no host, user or password"));
        }
        Ok(Self { program: PathBuf::from(server.address.path()), patience: server.patience, environment: server.environment.clone() })
    }

    pub(super) fn place(&self) -> String {
        format!("sendmail://{}", self.program.display())
    }

    /// Whether the program is there; whether it will take mail only a mail shows.
    pub(super) fn prove(&self) -> Result<(), Fault> {
        let runs = self.program.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0);
        if runs { Ok(()) } else { Err(later(format!("{} is no program that can be run", self.program.display()))) }
    }

    pub(super) fn hand_over(&self, ready: &Ready) -> Result<String, NotTaken> {
        let mut words = tempfile::tempfile().map_err(|error| later(error.to_string()))?;
        let (message, errors) = files(ready.text.as_bytes(), &words).map_err(|error| later(error.to_string()))?;
        let mut child = Command::new(&self.program)
            .args(["-i", "-f", ready.from.as_ref(), "--", ready.to.as_ref()])
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(message)
            .stdout(Stdio::null())
            .stderr(errors)
            .spawn()
            .map_err(|error| later(format!("{} can't be run: {error}", self.program.display())))?;
        let ended = self.wait(&mut child);
        let line = first_words(&mut words);
        let unclear = |why: String| Fault::Unclear { channel: Channel::Email, why };
        let Some(status) = ended else { return Err(unclear("the mail program did not end in time".to_owned()).into()) };
        match status.code() {
            Some(0) => Ok(said(&format!("taken by {}", self.program.display()))),
            Some(TRY_LATER) => Err(later(said(&format!("exit code 75 {line}"))).into()),
            Some(code) if NO_ADDRESS.contains(&code) => {
                Err(NotTaken { fault: refused(said(&format!("exit code {code} {line}"))), bounced: true, stops: false })
            }
            _ => Err(unclear(said(&format!("the mail program ended with {status} {line}"))).into()),
        }
    }

    /// Waits for the program; one that takes too long is ended.
    fn wait(&self, child: &mut Child) -> Option<ExitStatus> {
        let looks = self.patience.as_millis() / LOOK.as_millis();
        for _ in 0..=looks {
            if let Ok(Some(status)) = child.try_wait() {
                return Some(status);
            }
            sleep(LOOK);
        }
        // It may have taken the mail already; its end is waited for, so that it leaves no trace.
        let _ = child.kill();
        let _ = child.wait();
        None
    }
}

/// The message as a file to read from (a pipe could fill up and wait for ever), with the line ends of this system.
fn files(message: &[u8], words: &File) -> std::io::Result<(File, File)> {
    let mut file = tempfile::tempfile()?;
    let text: Vec<u8> = message.iter().copied().filter(|byte| *byte != b'\r').collect();
    file.write_all(&text)?;
    file.rewind()?;
    Ok((file, words.try_clone()?))
}

fn first_words(file: &mut File) -> String {
    let mut bytes = vec![];
    let read = file.rewind().and_then(|()| file.take(500).read_to_end(&mut bytes));
    read.map(|_| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}
