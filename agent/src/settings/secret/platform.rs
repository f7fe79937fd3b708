//! The keychains of the two systems as command lines: which program, which arguments, what goes in through standard input.
//! The one place where they differ. Never run on a Mac: what macOS gets is tested as text only.
//!
//! Must stay true: a secret never stands among the arguments, where every user of the machine could read it.

use std::fmt::Write as _;

use secrecy::{ExposeSecret, SecretString};

/// The account under which items are kept.
const ACCOUNT: &str = "reveille";

/// The most bytes of a line that `security -i` reads.
const LINE: usize = 4096;

/// A keychain, by the program that speaks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keychain {
    /// `security` of macOS.
    Security,
    /// `secret-tool` of libsecret, on a Linux desktop.
    SecretTool,
}

/// The one of this system.
pub(super) const HERE: Keychain = if cfg!(target_os = "macos") { Keychain::Security } else { Keychain::SecretTool };

/// A call of the program.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) arguments: Vec<String>,
    pub(super) input: Option<SecretString>,
}

impl Keychain {
    /// The program: the system's own by its place, else by its name on the search path.
    pub(super) fn program(self) -> &'static str {
        match self {
            Keychain::Security => "/usr/bin/security",
            Keychain::SecretTool => "secret-tool",
        }
    }

    /// Asks whether the item is there. On macOS without its value, so that no dialog asks for leave.
    pub(super) fn look(self, name: &str) -> Call {
        match self {
            Keychain::Security => call(&["find-generic-password", "-s", name, "-a", ACCOUNT]),
            Keychain::SecretTool => self.find(name),
        }
    }

    /// Prints the item's value.
    pub(super) fn find(self, name: &str) -> Call {
        match self {
            Keychain::Security => call(&["find-generic-password", "-s", name, "-a", ACCOUNT, "-w"]),
            Keychain::SecretTool => call(&["lookup", "service", name, "account", ACCOUNT]),
        }
    }

    /// Keeps a value, or nothing when it does not fit. `security` asks for a password on the terminal, not on standard input,
    /// so it is given the whole command there (`security -i` reads commands line by line).
    pub(super) fn store(self, name: &str, secret: &SecretString) -> Option<Call> {
        match self {
            Keychain::Security => {
                let value = secret.expose_secret();
                let line = format!("add-generic-password -U -s {} -a {ACCOUNT} -w {}\n", quoted(name), quoted(value));
                let fits = line.len() < LINE && !value.contains(char::is_control);
                fits.then(|| Call { input: Some(SecretString::from(line)), ..call(&["-i"]) })
            }
            Keychain::SecretTool => {
                let label = format!("--label=reveille: {name}");
                Some(Call { input: Some(secret.clone()), ..call(&["store", &label, "service", name, "account", ACCOUNT]) })
            }
        }
    }

    /// What a person types to keep a value.
    pub(super) fn by_hand(self, name: &str) -> String {
        match self {
            Keychain::Security => format!("security add-generic-password -U -s '{name}' -a {ACCOUNT} -w"),
            Keychain::SecretTool => format!("secret-tool store --label=reveille service '{name}' account {ACCOUNT}"),
        }
    }
}

fn call(arguments: &[&str]) -> Call {
    Call { arguments: arguments.iter().map(|&argument| argument.to_owned()).collect(), input: None }
}

/// A word in the double quotes of `security -i`, where a backslash stands before what would end or begin something.
fn quoted(word: &str) -> String {
    let mut out = String::from("\"");
    for c in word.chars() {
        let _ = if matches!(c, '"' | '\\') { write!(out, "\\{c}") } else { write!(out, "{c}") };
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_lines_of_both_systems() {
        let (mac, linux) = (Keychain::Security, Keychain::SecretTool);
        for (call, expected) in [
            (mac.look("m"), "find-generic-password -s m -a reveille"),
            (mac.find("m"), "find-generic-password -s m -a reveille -w"),
            (linux.look("m"), "lookup service m account reveille"),
            (linux.find("m"), "lookup service m account reveille"),
        ] {
            assert_eq!(call.arguments.join(" "), expected);
            assert!(call.input.is_none());
        }
    }

    #[test]
    fn a_secret_goes_in_through_standard_input_only() {
        let secret = SecretString::from(r#"hunter2 "\'$x"#);
        for (keychain, arguments, input) in [
            (Keychain::SecretTool, "store --label=reveille: m service m account reveille", r#"hunter2 "\'$x"#),
            (Keychain::Security, "-i", "add-generic-password -U -s \"m\" -a reveille -w \"hunter2 \\\"\\\\'$x\"\n"),
        ] {
            let call = keychain.store("m", &secret).expect("it fits");
            assert_eq!(call.arguments.join(" "), arguments);
            assert_eq!(call.input.as_ref().map(ExposeSecret::expose_secret), Some(input));
            assert!(!format!("{call:?}").contains("hunter2"));
        }
        for value in ["two\nlines".to_owned(), "x".repeat(LINE)] {
            assert!(Keychain::Security.store("m", &SecretString::from(value)).is_none());
        }
    }
}
