//! Secrets in the system's keychain, through its own program: a child that has two seconds, for a keychain that is locked
//! asks in a dialog that nobody sees, and a call into a library could not be left.

use std::path::Path;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::platform::{Call, HERE};
use super::{Trouble, value};
use crate::child::{self, Ran};
use crate::environment::Environment;

/// How long the keychain may take.
const LIMIT: Duration = Duration::from_secs(2);

/// Looks whether the item is there.
pub(super) fn look(environment: &Environment, name: &str) -> Result<(), Trouble> {
    ask(environment, name, &HERE.look(name)).map(drop)
}

/// The item's value.
pub(super) fn find(environment: &Environment, name: &str) -> Result<Vec<u8>, Trouble> {
    ask(environment, name, &HERE.find(name))
}

/// Keeps a value, and reads it back: only then it is stored.
pub(super) fn store(environment: &Environment, name: &str, secret: &SecretString) -> Result<(), Trouble> {
    let not_kept = |why: &str| Trouble { why: format!("the keychain did not keep `{name}`: {why}"), unblock: by_hand(name) };
    let call = HERE.store(name, secret).ok_or_else(|| not_kept("it takes no value of several lines, and none so long"))?;
    match run(environment, &tool(environment, name)?, &call) {
        Ran::Ended { code: Some(0), .. } => {}
        Ran::Ended { .. } => return Err(not_kept("it said no")),
        Ran::TooLong => return Err(silent(name)),
        Ran::NotStarted(why) => return Err(not_kept(&why)),
    }
    let kept = value(find(environment, name)?, "the keychain")?;
    if kept.expose_secret() == secret.expose_secret() { Ok(()) } else { Err(not_kept("it gives back something else")) }
}

fn ask(environment: &Environment, name: &str, call: &Call) -> Result<Vec<u8>, Trouble> {
    let missing = |why: &str| Trouble { why: format!("the keychain has no item `{name}`{why}"), unblock: by_hand(name) };
    match run(environment, &tool(environment, name)?, call) {
        Ran::Ended { code: Some(0), answer, .. } => Ok(answer),
        Ran::Ended { .. } => Err(missing("")),
        Ran::TooLong => Err(silent(name)),
        Ran::NotStarted(why) => Err(missing(&format!(" that can be read: {why}"))),
    }
}

fn by_hand(name: &str) -> String {
    format!("`{}`", HERE.by_hand(name))
}

fn silent(name: &str) -> Trouble {
    Trouble {
        why: format!("the keychain did not answer within {} seconds (item `{name}`)", LIMIT.as_secs()),
        unblock: "unlock the keychain and allow access for good: a wake can't answer a dialog; or use `{ file = … }` in reveille.toml"
            .to_owned(),
    }
}

fn tool(environment: &Environment, name: &str) -> Result<std::path::PathBuf, Trouble> {
    let program = HERE.program();
    environment.tool(program).ok_or_else(|| Trouble {
        why: format!("the keychain item `{name}` can't be read: there is no `{program}`"),
        unblock: format!("install `{program}`, or use `{{ env = … }}` or `{{ file = … }}` in reveille.toml"),
    })
}

/// What it complains of is not shown, for it could be anything.
fn run(environment: &Environment, program: &Path, call: &Call) -> Ran {
    let arguments = call.arguments.iter().map(Into::into).collect();
    child::run(
        program,
        &child::Call { arguments, input: call.input.as_ref(), variables: Some(environment.for_child()), limit: LIMIT, folder: None },
    )
}
